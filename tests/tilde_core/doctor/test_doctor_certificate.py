"""What is read from certificates, whole and broken ones, as `cryptography` reads it."""

from __future__ import annotations

import ssl
from pathlib import Path

import pytest

from tilde_core.doctor.certificate import read_certificate

pytest.importorskip("trustme")

import trustme
from cryptography import x509

from tilde_core.testing.certificates import CertificateAuthority


def test_names_and_times() -> None:
    issued = trustme.CA(organization_name="Bücher & Söhne").issue_cert("tilde.test", common_name="tilde.test")
    pem = issued.cert_chain_pems[0].bytes()
    found, expected = read_certificate(ssl.PEM_cert_to_DER_cert(pem.decode())), x509.load_pem_x509_certificate(pem)
    assert found.issuer == "Bücher & Söhne"
    assert found.subject.startswith("tilde.test")
    assert found.not_before.replace(tzinfo=None) == expected.not_valid_before_utc.replace(tzinfo=None)
    assert found.not_after.replace(tzinfo=None) == expected.not_valid_after_utc.replace(tzinfo=None)


def test_what_is_cut_off_or_garbage_is_a_value_error(tmp_path: Path) -> None:
    authority = CertificateAuthority(tmp_path)
    der = ssl.PEM_cert_to_DER_cert(authority.bundle.read_text())
    for size in range(len(der)):
        with pytest.raises(ValueError, match="not a certificate"):
            read_certificate(der[:size])
    for broken in (b"\x30\x80", b"\x30\x00", b"<html></html>", bytes(200)):
        with pytest.raises(ValueError, match="not a certificate"):
            read_certificate(broken)
