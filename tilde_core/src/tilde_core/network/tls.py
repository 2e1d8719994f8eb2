"""Whom to trust, and who we are: the TLS contexts. `ssl` and certificates are loaded when a connection needs them."""

from __future__ import annotations

import re
import sys
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING

from tilde_core.exceptions import ConfigurationError
from tilde_core.logs import logger

if TYPE_CHECKING:
    import ssl

__all__ = ["ClientCert", "Trust", "system_store", "tls_context"]

# Where distributions keep them, for a Python whose OpenSSL was built elsewhere and looks in a folder that is not there.
_BUNDLES = (
    "/etc/ssl/certs/ca-certificates.crt",
    "/etc/pki/ca-trust/extracted/pem/tls-ca-bundle.pem",
    "/etc/ssl/ca-bundle.pem",
    "/etc/ssl/cert.pem",
)
_HASHED = re.compile(r"[0-9a-f]{8}\.\d+")


@dataclass(frozen=True, slots=True)
class ClientCert:
    """The files that say who this client is: a certificate, its key if that is in another file, and the key's
    password."""

    certificate: str
    key: str | None = None
    password: str | None = field(default=None, repr=False)


@dataclass(frozen=True, slots=True)
class Trust:
    """What a TLS context is made of. `ca_bundle` is a PEM file, or a folder as `openssl rehash` makes it, and is
    trusted besides the system's own store."""

    ca_bundle: str | None = None
    client_cert: ClientCert | None = None
    verify: bool = True


def tls_context(trust: Trust, protocols: tuple[str, ...] = ("http/1.1",)) -> ssl.SSLContext:
    """Return a context for connections that speak one of `protocols`. Raises `ConfigurationError` for a file that
    cannot be used.

    To load certificates takes tens of milliseconds, so clients share a context for as long as its file is the same;
    one with a client certificate is made anew, for that is renewed often.
    """
    if trust.client_cert is not None:
        return _new_context(trust, protocols)
    return _shared_context(trust, protocols, _stamp(trust.ca_bundle))


@lru_cache(maxsize=8)
def _shared_context(trust: Trust, protocols: tuple[str, ...], stamp: tuple[int, int]) -> ssl.SSLContext:
    return _new_context(trust, protocols)


def _stamp(path: str | None) -> tuple[int, int]:
    """Return what changes when the file does."""
    try:
        status = Path(path).stat() if path is not None else None
    except OSError:  # to load it will say why
        status = None
    return (0, 0) if status is None else (status.st_mtime_ns, status.st_size)


def _new_context(trust: Trust, protocols: tuple[str, ...]) -> ssl.SSLContext:
    import ssl

    context = _empty_context()
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.set_alpn_protocols(list(protocols))
    if not trust.verify:
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    elif trust.ca_bundle is not None:
        _load_bundle(context, trust.ca_bundle)
    if trust.client_cert is not None:
        _load_client_cert(context, trust.client_cert)
    return context


def _empty_context() -> ssl.SSLContext:
    """Return a context that trusts what the system trusts.

    Not `ssl.create_default_context`: since Python 3.13 that refuses the certificates of many a company's own CA, for
    want of a field that nothing needs.
    """
    import ssl

    if sys.platform in ("win32", "darwin"):
        import truststore

        return truststore.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    # Not truststore: here it would read all certificates again for each connection, one connection at a time.
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    _load_system_store(context)
    return context


def _load_system_store(context: ssl.SSLContext) -> None:
    file, folder = system_store()
    if folder is not None or file is not None:
        context.load_verify_locations(cafile=file, capath=folder)
    else:
        logger.warning("this system has no CA certificates: install its package ca-certificates, or set ca_bundle")


def system_store() -> tuple[str | None, str | None]:
    """Return the file and the folder of what the system trusts, where OpenSSL reads it; either may be `None`.

    It is what OpenSSL was built to load. Its variables (`SSL_CERT_FILE`) are settings, and read with the others.
    """
    import ssl

    paths = ssl.get_default_verify_paths()
    folder = paths.openssl_capath if _has_certificates(Path(paths.openssl_capath)) else None
    file = paths.openssl_cafile if Path(paths.openssl_cafile).is_file() else None
    if folder is None and file is None:
        file = next((bundle for bundle in _BUNDLES if Path(bundle).is_file()), None) or _bundle_of_certifi()
    return file, folder


def _has_certificates(folder: Path) -> bool:
    return folder.is_dir() and any(_HASHED.fullmatch(file.name) for file in folder.iterdir())


def _bundle_of_certifi() -> str | None:
    """Return the certificates that httpx and requests bring along, for a system that has none."""
    try:
        import certifi
    except ImportError:
        return None
    return certifi.where()


def _load_bundle(context: ssl.SSLContext, path: str) -> None:
    import ssl

    try:
        if Path(path).is_dir():
            context.load_verify_locations(capath=path)
        else:
            context.load_verify_locations(cafile=path)
    except (OSError, ssl.SSLError) as error:
        raise ConfigurationError(
            f"ca_bundle {path} cannot be used: {_why(error)}; it must be certificates in PEM"
        ) from (error)


def _load_client_cert(context: ssl.SSLContext, cert: ClientCert) -> None:
    import ssl

    try:
        # A password in any case: without one, OpenSSL would ask for it on the terminal.
        context.load_cert_chain(cert.certificate, cert.key, password=cert.password or "")
    except (OSError, ssl.SSLError, ValueError) as error:
        raise ConfigurationError(
            f"client_cert {cert.certificate} cannot be used: {_why(error)}; it must be a certificate in PEM, with its "
            "key in the same file or in one of its own, and with the key's password if there is one"
        ) from error


def _why(error: Exception) -> str:
    return getattr(error, "strerror", None) or type(error).__name__
