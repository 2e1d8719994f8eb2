"""What imports read from: an S3 server and a GCS server on loopback, and a door in front of them that can be shut."""

from __future__ import annotations

import http.client
import http.server
import json
import queue
import socketserver
import threading
from dataclasses import dataclass
from email.message import Message
from types import TracebackType
from typing import Any
from urllib.parse import quote, urlsplit

from gcp_storage_emulator.server import create_server
from moto.server import ThreadedMotoServer

from support import eventually

__all__ = ["Door", "GcsServer", "S3Server", "Seen"]

# Nobody checks the signature, but nobody else may overwrite or delete.
_SIGNED = "AWS4-HMAC-SHA256 Credential=OWNER/20260101/us-east-1/s3/aws4_request, SignedHeaders=host, Signature=0"


def _request(url: str, method: str, path: str, data: bytes = b"", content_type: str = "text/plain") -> None:
    connection = http.client.HTTPConnection(urlsplit(url).netloc, timeout=30)
    connection.request(method, path, data, {"Content-Type": content_type, "Authorization": _SIGNED})
    answer = connection.getresponse()
    assert answer.status < 300, answer.read()
    answer.read()
    connection.close()


class S3Server:
    """moto. `config` is that of a connector to it."""

    def __init__(self) -> None:
        self._server = ThreadedMotoServer("127.0.0.1", 0, verbose=False)
        self._server.start()
        self.url = "http://{}:{}".format(*self._server.get_host_and_port())
        self.config = {"access_key_id": "AKIDEXAMPLE", "secret_access_key": "s3-secret", "endpoint_url": self.url}

    def bucket(self, name: str, versioned: bool = False) -> None:
        _request(self.url, "PUT", f"/{name}")
        if versioned:
            body = "<VersioningConfiguration><Status>Enabled</Status></VersioningConfiguration>"
            _request(self.url, "PUT", f"/{name}?versioning", body.encode())

    def put(self, bucket: str, key: str, data: bytes, content_type: str = "text/plain") -> None:
        _request(self.url, "PUT", f"/{bucket}/{quote(key)}", data, content_type)

    def delete(self, bucket: str, key: str) -> None:
        _request(self.url, "DELETE", f"/{bucket}/{quote(key)}")

    def close(self) -> None:
        self._server.stop()


class GcsServer:
    """gcp-storage-emulator. `config` is that of a connector to it."""

    def __init__(self) -> None:
        self._server = create_server("127.0.0.1", 0, in_memory=True)
        self._server.start()
        # It opens its port in a thread of its own.
        eventually(lambda: self._server._api._httpd is not None)
        self.url = "http://{}:{}".format(*self._server._api._httpd.server_address[:2])
        self.config = {"anonymous": True, "endpoint_url": self.url}

    def bucket(self, name: str) -> None:
        _request(self.url, "POST", "/storage/v1/b?project=p", json.dumps({"name": name}).encode(), "application/json")

    def put(self, bucket: str, key: str, data: bytes, content_type: str = "text/plain") -> None:
        target = f"/upload/storage/v1/b/{bucket}/o?uploadType=media&name={quote(key, safe='')}"
        _request(self.url, "POST", target, data, content_type)

    def close(self) -> None:
        self._server.stop()


@dataclass(frozen=True)
class Seen:
    """A request that came to a door."""

    method: str
    path: str
    headers: Message
    body: bytes


class Door:
    """Passes requests on to `url`. While it is shut, those for objects wait; listings never do.

    `seen` are all requests, `waiting` gets one item for each that waits. Of the next `cuts` objects, only half is sent.
    `refusal` is answered to everything, with a 403. POST /token answers as Google's does, or with `token_status`.
    """

    def __init__(self, url: str) -> None:
        self._target = urlsplit(url).netloc
        self.seen: list[Seen] = []
        self.waiting: queue.Queue[str] = queue.Queue()
        self.cuts = 0
        self.refusal = b""
        self.token_status = 200
        self._tickets = threading.Semaphore(0)
        self._open = True
        self._server = _Server(("127.0.0.1", 0), self._handler())
        self.url = f"http://127.0.0.1:{self._server.server_address[1]}"
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.01})
        self._thread.start()

    def shut(self) -> None:
        self._open = False

    def let_pass(self, requests: int) -> None:
        self._tickets.release(requests)

    def open(self) -> None:
        self._open = True
        self._tickets.release(1000)

    def __enter__(self) -> Door:
        return self

    def __exit__(self, *_: type[BaseException] | BaseException | TracebackType | None) -> None:
        self.open()
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    def _handler(self) -> type[http.server.BaseHTTPRequestHandler]:
        door = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                door._note(self, b"")
                if not door._open and _is_object(self.path):
                    door.waiting.put(self.path)
                    door._tickets.acquire()
                door._pass_on(self)

            def do_POST(self) -> None:
                door._note(self, self.rfile.read(int(self.headers["Content-Length"])))
                answer: dict[str, Any] = {"access_token": "token-of-google", "expires_in": 3600, "token_type": "Bearer"}
                if door.token_status != 200:
                    answer = {"error": "invalid_grant", "error_description": "no such account"}
                self.send_response(door.token_status)
                self.send_header("Content-Type", "application/json")
                self.end_headers()
                self.wfile.write(json.dumps(answer).encode())

            def log_message(self, *_: object) -> None:
                pass

        return Handler

    def _note(self, request: http.server.BaseHTTPRequestHandler, body: bytes) -> None:
        self.seen.append(Seen(request.command, request.path, request.headers, body))

    def _pass_on(self, request: http.server.BaseHTTPRequestHandler) -> None:
        if self.refusal:
            request.send_response(403)
            request.end_headers()
            request.wfile.write(self.refusal)
            return
        connection = http.client.HTTPConnection(self._target, timeout=30)
        connection.request("GET", request.path, headers=dict(request.headers))
        answer = connection.getresponse()
        body = answer.read()
        connection.close()
        request.send_response(answer.status)
        for name, value in answer.getheaders():
            if name.lower() not in ("transfer-encoding", "connection", "content-length", "date", "server"):
                request.send_header(name, value)
        request.send_header("Content-Length", str(len(body)))
        request.end_headers()
        cut = self.cuts > 0 and _is_object(request.path)
        self.cuts -= cut
        request.wfile.write(body[: len(body) // 2] if cut else body)


class _Server(socketserver.ThreadingMixIn, http.server.HTTPServer):
    block_on_close = True

    def handle_error(self, *_: object) -> None:
        """A client that is gone is none of our business."""


def _is_object(path: str) -> bool:
    parts = urlsplit(path)
    return "list-type" not in parts.query and not parts.path.endswith("/o")
