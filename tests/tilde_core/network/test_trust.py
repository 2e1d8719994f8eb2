"""Which certificates a context trusts, on which system. Connections are made in the contract of transports."""

from __future__ import annotations

import logging
import os
import ssl
import sys
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from tilde.plugins import Dialer, DialFailed, TransportSettings
from tilde_core.network import tls
from tilde_core.network.tls import Trust, tls_context
from tilde_core.testing import LoopbackServer
from tilde_core.testing.certificates import CertificateAuthority

PlaceStore = Callable[..., None]


@pytest.fixture(autouse=True)
def no_shared_contexts() -> None:
    tls._shared_context.cache_clear()


@pytest.fixture
def place_store(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> PlaceStore:
    """Make this a Linux whose store is at these places, none of which need be there."""

    def place(*, file: Path | None = None, folder: Path | None = None, bundles: tuple[Path, ...] = ()) -> None:
        nowhere = tmp_path / "nowhere"
        paths = SimpleNamespace(openssl_cafile=str(file or nowhere), openssl_capath=str(folder or nowhere))
        monkeypatch.setattr(ssl, "get_default_verify_paths", lambda: paths)
        monkeypatch.setattr(tls, "_BUNDLES", tuple(map(str, bundles)))

    return place


def reaches(server: LoopbackServer, settings: TransportSettings | None = None) -> bool:
    dialer = Dialer(settings or TransportSettings())
    try:
        dialer.open(dialer.route(server.url("", host="localhost")), 5.0).close()
    except DialFailed:
        return False
    return True


def served(ca: CertificateAuthority) -> LoopbackServer:
    return LoopbackServer(tls=ca.server_context("localhost"))


def test_store_in_a_file(place_store: PlaceStore, tmp_path: Path) -> None:
    ca, other = CertificateAuthority(tmp_path), CertificateAuthority(tmp_path, "Other")
    place_store(file=ca.bundle)
    with served(ca) as server, served(other) as unknown:
        assert reaches(server)
        assert not reaches(unknown)


def test_store_in_a_folder(place_store: PlaceStore, tmp_path: Path) -> None:
    ca = CertificateAuthority(tmp_path)
    folder = tmp_path / "certs"
    folder.mkdir()
    hashed = folder / f"{subject_hash(ca)}.0"
    hashed.write_bytes(ca.bundle.read_bytes())
    place_store(folder=folder)
    with served(ca) as server:
        assert reaches(server)
        assert reaches(server, TransportSettings(ca_bundle=str(folder)))
        (folder / "README").write_text("no certificate")
        hashed.unlink()
        tls._shared_context.cache_clear()
        assert not reaches(server)


def subject_hash(ca: CertificateAuthority) -> str:
    """The name that OpenSSL looks for: `openssl rehash` makes it."""
    from subprocess import run

    command = ["openssl", "x509", "-subject_hash", "-noout", "-in", str(ca.bundle)]
    try:
        return run(command, check=True, capture_output=True, text=True).stdout.strip()
    except FileNotFoundError:
        pytest.skip("needs the openssl command")


def test_store_elsewhere(place_store: PlaceStore, tmp_path: Path) -> None:
    """For a Python whose OpenSSL was built on another system."""
    ca = CertificateAuthority(tmp_path)
    place_store(bundles=(tmp_path / "not-there.pem", ca.bundle))
    with served(ca) as server:
        assert reaches(server)


def test_no_store_at_all(
    place_store: PlaceStore, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """What the HTTP libraries bring along is better than nothing; and nothing is said out loud."""
    place_store()
    certifi = pytest.importorskip("certifi")
    assert len(tls_context(Trust()).get_ca_certs()) > 50
    monkeypatch.setitem(sys.modules, certifi.__name__, None)
    tls._shared_context.cache_clear()
    with caplog.at_level(logging.WARNING, logger="tilde"):
        assert tls_context(Trust()).get_ca_certs() == []
    assert "ca-certificates" in caplog.text


def test_bundle_is_trusted_besides_the_store(place_store: PlaceStore, tmp_path: Path) -> None:
    ca, private = CertificateAuthority(tmp_path), CertificateAuthority(tmp_path, "Private")
    place_store(file=ca.bundle)
    settings = TransportSettings(ca_bundle=str(private.bundle))
    with served(ca) as public, served(private) as inside:
        assert reaches(public, settings)
        assert reaches(inside, settings)
        assert not reaches(inside)


def test_variables_of_openssl_are_settings_like_others(
    place_store: PlaceStore, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A context does not read them by itself, whatever OpenSSL would do."""
    ca = CertificateAuthority(tmp_path)
    monkeypatch.setenv("SSL_CERT_FILE", str(ca.bundle))
    with served(ca) as server:
        assert not reaches(server)


def test_contexts_are_shared_while_their_file_is_the_same(tmp_path: Path) -> None:
    ca = CertificateAuthority(tmp_path)
    trust = Trust(ca_bundle=str(ca.bundle))
    assert tls_context(trust) is tls_context(trust)
    assert tls_context(Trust()) is tls_context(Trust())
    assert tls_context(trust) is not tls_context(trust, ("http/1.1", "h2"))
    before = tls_context(trust)
    os.utime(ca.bundle, ns=(1, 1))
    assert tls_context(trust) is not before


@pytest.mark.parametrize("platform", ["darwin", "win32"])
def test_other_systems_are_asked_by_truststore(platform: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    truststore = pytest.importorskip("truststore")
    monkeypatch.setattr(tls, "sys", SimpleNamespace(platform=platform))
    ca = CertificateAuthority(tmp_path)
    with served(ca) as server:
        assert type(tls_context(Trust())) is truststore.SSLContext
        assert not reaches(server)
        assert reaches(server, TransportSettings(ca_bundle=str(ca.bundle)))
        assert reaches(server, TransportSettings(verify=False))


def test_certificates_of_companies_are_not_held_to_what_nobody_needs(tmp_path: Path) -> None:
    """Python 3.13 asks for more by default than many a CA puts in."""
    strict: Any = getattr(ssl, "VERIFY_X509_STRICT", 0)
    assert not tls_context(Trust()).verify_flags & strict
    assert tls_context(Trust()).minimum_version >= ssl.TLSVersion.TLSv1_2
    assert tls_context(Trust()).verify_mode is ssl.CERT_REQUIRED
    assert tls_context(Trust()).check_hostname
