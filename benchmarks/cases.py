"""What is measured. Each case does one thing with the SDK, then the same with a bare client."""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Generator
from contextlib import closing
from dataclasses import dataclass
from functools import cache
from statistics import median

import httpx
from embedded import SIZE, Place, embedded_server, seed

from tilde.plugins import Event, hookimpl
from tilde_core.hooks.layer import HookLayer
from tilde_core.hooks.offers import TransportSettings
from tilde_core.http import Headers, Request, Response
from tilde_core.models.base import ListAnswer
from tilde_core.models.objects import ListingEntry
from tilde_core.serialization import decode_json

__all__ = ["CASES", "Case"]

Measure = Callable[[Place], float]


@dataclass(frozen=True)
class Case:
    """`ours` and `bare` return what they took; `unit` is `"s"` or `"MiB"`."""

    title: str
    ours: Measure
    bare: Measure
    unit: str = "s"

    def pair(self, place: Place) -> tuple[float, float]:
        return self.ours(place), self.bare(place)

    def show(self, figure: float) -> str:
        return f"{figure:.1f} MiB" if self.unit == "MiB" else f"{figure * 1000:.1f} ms"


def timed(work: Callable[[], object]) -> float:
    started = time.perf_counter()
    work()
    return time.perf_counter() - started


def in_new_process(code: str, *arguments: str) -> float:
    """Run code that prints one figure, in an interpreter of its own."""
    answer = subprocess.run([sys.executable, "-c", code, *arguments], check=True, capture_output=True, text=True)
    return float(answer.stdout)


def import_time(statement: str) -> Measure:
    code = f"import time\nstarted = time.perf_counter()\n{statement}\nprint(time.perf_counter() - started)"
    return lambda place: in_new_process(code)


CALLS = 300


def per_call(work: Callable[[], object]) -> float:
    """The median of many calls: the mean of so short ones tells what else the machine did."""
    work()
    return median(timed(work) for _ in range(CALLS))


def small_calls(place: Place, *plugins: object) -> float:
    with place.client(*plugins) as client:
        commits = client.repository("bench/many").commits
        return per_call(lambda: commits.get(place.commit_id))


class Passing:
    """A plugin that sees every request and every event, and does nothing about them."""

    @hookimpl(wrapper=True)
    def tilde_send(self) -> Generator[None, Response, Response]:
        return (yield)

    @hookimpl
    def tilde_event(self, event: Event) -> None:
        pass


def small_calls_with_plugin(place: Place) -> float:
    return small_calls(place, Passing())


def small_calls_bare(place: Place) -> float:
    with bare_client(place) as client:
        url = place.url(f"/commits/{place.commit_id}")
        return per_call(lambda: client.get(url).raise_for_status().json())


def bare_request(place: Place) -> Request:
    headers = Headers({"Authorization": f"Bearer {place.api_key}"})
    return Request(method="GET", url=place.url(f"/commits/{place.commit_id}"), headers=headers)


def hooks_ours(place: Place) -> float:
    layer, request = HookLayer(), bare_request(place)
    with closing(layer.open_transport("httpx", TransportSettings())) as transport:
        return per_call(lambda: layer.send(request, transport).read())


def hooks_bare(place: Place) -> float:
    request = bare_request(place)
    with closing(HookLayer().open_transport("httpx", TransportSettings())) as transport:
        return per_call(lambda: transport.send(request).read())


def listing_ours(place: Place) -> float:
    with place.client() as client:
        commit = client.repository("bench/many").commits.get(place.commit_id)
        return timed(lambda: sum(1 for _ in commit.objects.list(page_size=1000)))


def listing_bare(place: Place) -> float:
    with bare_client(place) as client:
        client.get(place.url(f"/commits/{place.commit_id}"))
        return timed(lambda: walk_bare(client, place))


def walk_bare(client: httpx.Client, place: Place, keep: Callable[[bytes], object] = len) -> int:
    count, query = 0, {"ref": place.commit_id, "amount": "1000"}
    while True:
        content = client.get(place.url("/objects"), params=query).raise_for_status().content
        keep(content)
        page = json.loads(content)
        count += len(page["results"])
        if not page["pagination"]["has_more"]:
            return count
        query["after"] = page["pagination"]["next_offset"]


@cache
def recorded_pages(place: Place) -> list[bytes]:
    """The pages of a listing, as they came."""
    pages: list[bytes] = []
    with bare_client(place) as client:
        walk_bare(client, place, pages.append)
    return pages


def decoding_ours(place: Place) -> float:
    pages = recorded_pages(place)
    return timed(lambda: [decode_json(Response(200, {}, page), ListAnswer[ListingEntry], "") for page in pages])


def decoding_bare(place: Place) -> float:
    pages = recorded_pages(place)
    return timed(lambda: [json.loads(page) for page in pages])


def download_ours(place: Place) -> float:
    with place.client() as client:
        objects = client.repository("bench/many").commits.get(place.commit_id).objects

        def read() -> int:
            with objects.get("large.bin", cache=False) as file:
                return sum(len(chunk) for chunk in file.iter_bytes(chunk_size=1 << 16))

        return timed(read)


def download_bare(place: Place) -> float:
    with bare_client(place) as client:
        client.get(place.url(f"/commits/{place.commit_id}"))

        def read() -> int:
            target = client.get(place.url("/object"), params={"ref": place.commit_id, "path": "large.bin"})
            with httpx.Client(trust_env=False) as store, store.stream("GET", target.headers["location"]) as answer:
                return sum(len(chunk) for chunk in answer.iter_bytes(chunk_size=1 << 16))

        return timed(read)


def upload_ours(place: Place) -> float:
    with place.client() as client:
        session = client.repository("bench/many").session()
        took = timed(lambda: session.objects.put("new.bin", bytes(SIZE)))
        session.rollback()
        return took


def upload_bare(place: Place) -> float:
    with bare_client(place) as client, httpx.Client(trust_env=False) as store:
        session = client.post(place.url("/sessions")).json()["session_id"]
        query = {"session_id": session, "path": "new.bin"}

        def write() -> None:
            staged = client.put(place.url("/object"), params=query).json()
            store.put(staged["upload_url"], content=bytes(SIZE)).raise_for_status()
            body = {"upload_token": staged["upload_token"], "size_bytes": SIZE}
            client.post(place.url("/object/finalize"), params=query, json=body).raise_for_status()

        took = timed(write)
        client.delete(place.url(f"/sessions/{session}"))
        return took


def bare_client(place: Place) -> httpx.Client:
    return httpx.Client(headers={"Authorization": f"Bearer {place.api_key}"}, trust_env=False)


MEMORY = """
import resource, sys
import tilde
from pathlib import Path
endpoint, key, argument = sys.argv[1:]
client = tilde.Client(api_key=key, endpoint_url=endpoint, transport="httpx")
repo = client.repository("bench/many")
{work}
status = Path("/proc/self/status")
if status.exists():  # ru_maxrss would be that of the parent, if higher: Linux keeps it across exec
    kilobytes = next(line.split()[1] for line in status.read_text().splitlines() if line.startswith("VmHWM"))
else:
    kilobytes = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / (1024 if sys.platform == "darwin" else 1)
print(int(kilobytes) / 1024)
"""
UPLOAD = """
session = repo.session()
session.objects.put("big.bin", Path(argument))
session.rollback()
"""
OUTPUT = """
with repo.shell() as sh:
    result = sh.run(["head", "-c", argument, "/dev/zero"], check=True, on_stdout=lambda piece: None)
assert sum(map(len, result.stdout.iter_bytes(65536))) == int(argument)
"""


def upload_memory(mebibytes: int) -> Measure:
    """The peak of the memory of a process that uploads a file of that size in parts."""

    def measure(place: Place) -> float:
        with tempfile.NamedTemporaryFile() as file:
            file.truncate(mebibytes * 1024 * 1024)
            return in_new_process(MEMORY.format(work=UPLOAD), place.endpoint_url, place.api_key, file.name)

    return measure


def output_memory(mebibytes: int) -> Measure:
    """The peak of the memory of a process that runs a command which prints as much."""
    code = MEMORY.format(work=OUTPUT)
    return lambda place: in_new_process(code, place.endpoint_url, place.api_key, str(mebibytes * 1024 * 1024))


def server_memory(mebibytes: int) -> Measure:
    """The peak of the memory of a server, new each time, in whose sandbox a command prints as much."""

    def measure(_: Place) -> float:
        with embedded_server(lambda server: seed(server, 1)) as place:
            output_memory(mebibytes)(place)
            return place.peak_memory()

    return measure


def execute_ours(place: Place) -> float:
    with place.client() as client:
        repo = client.repository("bench/small")
        repo.execute("true")
        return timed(lambda: repo.execute("true"))


def execute_bare(place: Place) -> float:
    with bare_client(place) as client:
        sandboxes = place.url("/sandboxes", "bench/small")

        def run() -> None:
            body = {"image": "ubuntu:22.04", "command": ["sh", "-c", "true"]}
            sandbox = f"{sandboxes}/{client.post(sandboxes, json=body).json()['sandbox_id']}"
            # It asks all the time, which nobody should do to a service: so it loses no time by waiting.
            while client.get(f"{sandbox}/status").json()["status"] in ("starting", "running"):
                pass
            client.get(f"{sandbox}/logs/stdout").raise_for_status()

        run()
        return timed(run)


CASES = {
    "import": Case("import tilde / import httpx", import_time("import tilde"), import_time("import httpx")),
    "client": Case(
        "import tilde, Client() / httpx, Client()",
        import_time("import tilde; tilde.Client(api_key='k')"),
        import_time("import httpx; httpx.Client()"),
    ),
    "call": Case("one small call / httpx and json", small_calls, small_calls_bare),
    "plugin": Case("the same with a wrapper and observer / without", small_calls_with_plugin, small_calls),
    "hooks": Case("one request through the hooks / its transport", hooks_ours, hooks_bare),
    "list": Case("list all entries / httpx and json", listing_ours, listing_bare),
    "decode": Case("decode all entries, typed / json, untyped", decoding_ours, decoding_bare),
    "download": Case("download 48 MiB / httpx", download_ours, download_bare),
    "upload": Case("upload 48 MiB with MD5 / httpx without", upload_ours, upload_bare),
    "memory": Case("peak memory, upload 512 MiB / 128 MiB", upload_memory(512), upload_memory(128), unit="MiB"),
    "execute": Case('execute("true") / httpx, asking all the time', execute_ours, execute_bare),
    "output": Case("peak memory, command prints 1024 MiB / 64 MiB", output_memory(1024), output_memory(64), unit="MiB"),
    "serve-output": Case("the same, of the server", server_memory(1024), server_memory(64), unit="MiB"),
}
