"""Certificates made on the spot, and servers that speak TLS with them."""

from __future__ import annotations

import shutil
import ssl
import subprocess
from pathlib import Path

import pytest

from tilde_core.testing import Exchange, LoopbackServer

__all__ = ["self_signed", "speak_tls"]


def self_signed(folder: Path, names: str = "DNS:localhost") -> Path:
    """Make a certificate for `names` that nobody has signed, and return it; its key is in the same file.

    Skips the test where there is no openssl to make it with.
    """
    if not shutil.which("openssl"):
        pytest.skip("needs the openssl command")
    path = folder / "both.pem"
    made = ["-keyout", str(path), "-out", str(path), "-days", "2", "-subj", "/CN=localhost"]
    options = ["-x509", "-newkey", "rsa:2048", "-nodes", "-addext", f"subjectAltName={names}"]
    subprocess.run(["openssl", "req", *options, *made], check=True, capture_output=True)
    return path


def speak_tls(server: LoopbackServer, certificate: Path) -> None:
    """Let every connection to `server` begin with TLS."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate)

    def wrap(exchange: Exchange) -> None:
        exchange.connection = context.wrap_socket(exchange.connection, server_side=True)

    server.on_connect(wrap)
