"""A certificate authority for tests. Needs `trustme`, which comes with `tilde-core[testing]`."""

from __future__ import annotations

import ssl
from pathlib import Path

import trustme

__all__ = ["CertificateAuthority"]


class CertificateAuthority:
    """A private CA. Its own certificate, and those of clients, are PEM files below `folder`."""

    def __init__(self, folder: Path, name: str = "Example Corp") -> None:
        self._folder = folder
        self._ca = trustme.CA(organization_name=name)
        self.bundle: Path = folder / f"{name.lower().replace(' ', '-')}.pem"
        self._ca.cert_pem.write_to_path(self.bundle)

    def server_context(self, *hosts: str, clients: CertificateAuthority | None = None) -> ssl.SSLContext:
        """Return a context for a server with these names or addresses. With `clients`, a client must show a certificate
        that this CA has issued."""
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self._ca.issue_cert(*hosts).configure_cert(context)
        if clients is not None:
            context.verify_mode = ssl.CERT_REQUIRED
            clients._ca.configure_trust(context)
        return context

    def client_files(self, name: str = "client@example.com", *, password: str | None = None) -> tuple[Path, Path]:
        """Return the files of a certificate and of its key, which is encrypted if there is a `password`."""
        issued = self._ca.issue_cert(name)
        certificate, key = self._folder / "client.pem", self._folder / "client-key.pem"
        certificate.write_bytes(b"".join(blob.bytes() for blob in issued.cert_chain_pems))
        key.write_bytes(_encrypted(issued.private_key_pem.bytes(), password))
        return certificate, key


def _encrypted(pem: bytes, password: str | None) -> bytes:
    if password is None:
        return pem
    from cryptography.hazmat.primitives import serialization

    key = serialization.load_pem_private_key(pem, None)
    return key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.BestAvailableEncryption(password.encode()),
    )
