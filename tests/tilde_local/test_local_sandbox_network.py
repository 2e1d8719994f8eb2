"""The proxy of a sandbox: what it refuses, what it lets pass, and what it writes down."""

from __future__ import annotations

import http.server
import socket
import threading
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING

import pytest

from tilde_local import Server
from tilde_local.sandboxes.hosts import AllowedHosts, is_inside
from tilde_local.sandboxes.settings import Settings

if TYPE_CHECKING:
    from tilde_local.conftest import Api, Repo

FETCH = """
import sys, urllib.request, urllib.error
for url in sys.argv[1:]:
    try:
        data = b"posted" if url.endswith("post") else None
        print(urllib.request.urlopen(url, data).read().decode())
    except urllib.error.HTTPError as error:
        print(error.code, error.read().decode().strip())
    except OSError as error:
        print(error)
"""
TUNNEL = """
import os, socket, sys
host, port = os.environ["HTTPS_PROXY"].removeprefix("http://").split(":")
for target in sys.argv[1:]:
    with socket.create_connection((host, int(port))) as s:
        s.sendall(f"CONNECT {target} HTTP/1.1\\r\\nHost: {target}\\r\\n\\r\\n".encode())
        answer = s.makefile("rb")
        status = answer.readline().decode().strip()
        print(status)
        if "200" in status:
            s.sendall(b"GET /tunnel HTTP/1.0\\r\\n\\r\\n")
            print(answer.read().decode().splitlines()[-1])
"""


class Site(http.server.BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        self.answer(f"{self.path} {self.headers.get('Host')} {self.headers.get('Proxy-Connection')}".encode())

    def do_POST(self) -> None:
        self.answer(self.rfile.read(int(self.headers["Content-Length"])))

    def answer(self, body: bytes) -> None:
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def site() -> Iterator[str]:
    """Something outside, as host and port."""
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Site) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield f"127.0.0.1:{server.server_address[1]}"
        server.shutdown()
        thread.join()


@pytest.fixture
def open_repo(site: str, connect: Callable[[str, str], Api]) -> Iterator[Repo]:
    with Server(sandboxes=Settings(hosts=(site, "*"))) as server:
        yield connect(server.endpoint_url, server.api_key).new_repository()


# Loopback is not asked for by way of the proxy, but for who insists.
INSIST = {"NO_PROXY": "", "no_proxy": ""}


def test_nothing_is_allowed_by_default(repo: Repo) -> None:
    urls = ["http://example.org/simple?token=secret", "https://example.org/simple", "http://10.0.0.1/"]
    sandbox = repo.sandbox("python", "-c", FETCH, *urls)
    lines = sandbox.log().splitlines()
    assert lines[0].startswith("403 tilde: sandboxes may not reach example.org:80: ")
    assert "403" in lines[1]
    assert [(each["method"], each["url"], each["host"]) for each in sandbox.network()] == [
        ("GET", "http://example.org/simple", "example.org:80"),
        ("CONNECT", "https://example.org:443", "example.org:443"),
        ("GET", "http://10.0.0.1/", "10.0.0.1:80"),
    ]
    assert {(each["decision"], each["status"], each["bytes"]) for each in sandbox.network()} == {("deny", 403, 0)}
    assert all("secret" not in str(each) for each in sandbox.network())


def test_what_is_allowed_passes(open_repo: Repo, site: str) -> None:
    script = f"import os; [os.environ.pop(n) for n in ('NO_PROXY', 'no_proxy')]\n{FETCH}"
    sandbox = open_repo.sandbox("python", "-c", script, f"http://{site}/a?b=c", f"http://{site}/post")
    assert sandbox.log().splitlines() == [f"/a?b=c {site} None", "posted"]
    log = [(each["method"], each["url"], each["decision"], each["status"]) for each in sandbox.network()]
    assert log == [("GET", f"http://{site}/a", "allow", 200), ("POST", f"http://{site}/post", "allow", 200)]
    assert all(each["bytes"] > 6 for each in sandbox.network())


def test_tunnels(open_repo: Repo, site: str) -> None:
    sandbox = open_repo.sandbox("python", "-c", TUNNEL, site)
    assert sandbox.log().splitlines() == ["HTTP/1.1 200 Connection established", "/tunnel None None"]
    (entry,) = sandbox.network()
    assert (entry["method"], entry["url"], entry["decision"], entry["status"]) == (
        "CONNECT",
        f"https://{site}",
        "allow",
        200,
    )


def test_a_name_that_leads_to_this_machine(open_repo: Repo, site: str) -> None:
    port = site.rpartition(":")[2]
    sandbox = open_repo.sandbox("python", "-c", TUNNEL, "localhost:80", f"127.0.0.1:{port}")
    refused, allowed = sandbox.network()
    assert (refused["decision"], refused["status"]) == ("deny", 403)
    assert "this machine" in refused["error"]
    assert allowed["decision"] == "allow"


def test_an_address_of_this_machine_that_others_can_reach(connect: Callable[[str, str], Api]) -> None:
    """Whoever listens on all interfaces did not mean sandboxes."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        try:
            probe.connect(("192.0.2.1", 9))  # sends nothing
        except OSError:
            pytest.skip("there is no network interface but loopback")
        own = probe.getsockname()[0]
    with socket.create_server((own, 0)) as listener:
        port = listener.getsockname()[1]
        with Server(sandboxes=Settings(hosts=(f"*:{port}",))) as server:
            repo = connect(server.endpoint_url, server.api_key).new_repository()
            (entry,) = repo.sandbox("python", "-c", TUNNEL, f"{own}:{port}").network()
    assert (entry["decision"], entry["status"]) == ("deny", 403)


def test_names_that_cannot_be(open_repo: Repo) -> None:
    sandbox = open_repo.sandbox("python", "-c", TUNNEL, f"{'a' * 64}.example:443", "a..example:443")
    assert sandbox.log().count("HTTP/1.1 502 Bad Gateway") == 2
    assert [each["status"] for each in sandbox.network()] == [502, 502]


CROWD = """
import os, socket, time
from urllib.parse import urlsplit
def is_open(s):
    try:
        return s.recv(1) != b""
    except BlockingIOError:
        return True
    except ConnectionError:
        return False
for name in ("TILDE_API_URL", "HTTP_PROXY"):
    place = urlsplit(os.environ[name])
    crowd = [socket.create_connection((place.hostname, place.port), 60) for _ in range(130)]
    ended = [is_open(s) for s in crowd[128:]]
    [s.setblocking(False) for s in crowd]
    print(name, ended, all(is_open(s) for s in crowd[:128]))
    [s.close() for s in crowd[:-3]]
    while True:
        with socket.create_connection((place.hostname, place.port), 60) as s:
            s.sendall(b"GET / HTTP/1.1\\r\\nHost: localhost\\r\\n\\r\\n")
            try:
                if s.recv(8) == b"HTTP/1.1":
                    break
            except ConnectionError:
                pass
"""


def test_a_sandbox_cannot_take_all_descriptors_of_the_server(repo: Repo) -> None:
    lines = repo.sandbox("python", "-c", CROWD).log().splitlines()
    assert lines == ["TILDE_API_URL [False, False] True", "HTTP_PROXY [False, False] True"]


def test_what_is_no_request(repo: Repo) -> None:
    script = (
        "import os, socket\n"
        "host, port = os.environ['HTTP_PROXY'].removeprefix('http://').split(':')\n"
        "for text in ('GET / HTTP/1.1', 'CONNECT x HTTP/1.1', 'GET ftp://x/ HTTP/1.1', 'hello', 'x' * 100000, ''):\n"
        "    with socket.create_connection((host, int(port))) as s:\n"
        "        s.sendall((text + '\\r\\n\\r\\n').encode())\n"
        "        s.shutdown(socket.SHUT_WR)\n"
        "        try:\n"
        "            print(s.recv(1000).split(b'\\r\\n')[0].decode())\n"
        "        except ConnectionError:\n"
        "            print()\n"
    )
    sandbox = repo.sandbox("python", "-c", script)
    assert sandbox.log().splitlines()[:4] == ["HTTP/1.1 400 Bad Request"] * 4
    assert sandbox.state == ("done", "no_changes")


@pytest.mark.parametrize(
    ("pattern", "host", "port", "allowed"),
    [
        ("example.org", "example.org", 443, True),
        ("example.org", "Example.org.", 80, True),
        ("example.org", "example.org", 22, False),
        ("example.org", "notexample.org", 443, False),
        ("example.org", "example.org.evil.example", 443, False),
        ("example.org:8443", "example.org", 8443, True),
        ("example.org:8443", "example.org", 443, False),
        ("*.example.org", "files.example.org", 443, True),
        ("*.example.org", "example.org", 443, False),
        ("*.example.org", "evilexample.org", 443, False),
        ("*", "anything.example", 443, True),
        ("*", "anything.example", 22, False),
        ("10.0.0.1:8080", "10.0.0.1", 8080, True),
        ("[::1]:8080", "::1", 8080, True),
    ],
)
def test_patterns(pattern: str, host: str, port: int, allowed: bool) -> None:
    assert AllowedHosts([pattern]).allows(host, port) is allowed


@pytest.mark.parametrize("text", ["", "http://x", "a*b", "x:y", "x:123456", "*.", "a b"])
def test_what_is_no_host(text: str) -> None:
    with pytest.raises(ValueError, match="not a host"):
        Settings(hosts=(text,))


@pytest.mark.parametrize(
    ("address", "inside"),
    [
        ("127.0.0.1", True),
        ("::1", True),
        ("::ffff:127.0.0.1", True),
        ("0.0.0.0", True),
        ("169.254.169.254", True),
        ("fe80::1%eth0", True),
        ("10.0.0.1", False),
        ("151.101.0.223", False),
    ],
)
def test_addresses_of_this_machine(address: str, inside: bool) -> None:
    assert is_inside(address) is inside
