"""Whatever is read and sought, `ObjectReader` answers as a file in memory would."""

from __future__ import annotations

import io
from unittest.mock import patch

from hypothesis import example, given, settings
from hypothesis import strategies as st

from object_service import ObjectService, call_name, commit_objects, download
from support import fake_client
from tilde_core.http import Request, Response
from tilde_core.transfer import limits

DATA = bytes(n * n % 251 if n % 17 else 10 for n in range(5000))
POSITIONS = st.integers(0, 5200)

STEPS = st.one_of(
    st.tuples(st.just("read"), st.integers(-1, 6000)),
    st.tuples(st.just("seek"), POSITIONS),
    st.tuples(st.just("seek from end"), st.integers(-5000, 100)),
    st.tuples(st.just("readline"), st.integers(-1, 100)),
    st.tuples(st.just("readinto"), st.integers(0, 3000)),
)


class Flaky:
    """Ends bodies early, as often as it is told to."""

    def __init__(self, stops: list[int]) -> None:
        self.stops = stops

    def __call__(self, request: Request) -> Response | None:
        if call_name(request) != "GET store" or not self.stops:
            return None
        whole = download(request, DATA)
        body = whole.read()[: self.stops.pop()]
        return Response(whole.status, whole.headers, [body[i : i + 300] for i in range(0, len(body), 300)])


def step(file: io.BufferedIOBase, name: str, number: int) -> object:
    if name == "read":
        return file.read(number)
    if name == "readline":
        return file.readline(number)
    if name == "readinto":
        buffer = bytearray(number)
        return file.readinto(buffer), bytes(buffer)
    return file.seek(number) if name == "seek" else file.seek(number, 2)


@given(
    steps=st.lists(STEPS, max_size=12),
    stops=st.lists(st.integers(1, 3000), max_size=5),
    cache=st.booleans(),
    start=st.integers(0, 4000),
    size=st.none() | st.integers(1, 6000),
    skip=st.sampled_from([0, 700, 10_000]),
)
@example(steps=[("readline", 2)], stops=[1], cache=False, start=1, size=None, skip=0)  # a line in two pieces
@settings(max_examples=150)
def test_like_a_file_in_memory(
    steps: list[tuple[str, int]], stops: list[int], cache: bool, start: int, size: int | None, skip: int
) -> None:
    service = ObjectService()
    service.objects["a"] = DATA
    service.overrides.append(Flaky(stops))
    end = None if size is None else start + size - 1
    model = io.BytesIO(DATA[start : None if end is None else end + 1])
    with (
        patch.object(limits, "SPOOL_MEMORY", 600),
        patch.object(limits, "SKIP", skip),
        commit_objects(fake_client(service)[0]).get("a", byte_range=(start, end), cache=cache) as f,
    ):
        for name, number in steps:
            if name == "seek from end" and -number > len(model.getvalue()):
                continue
            assert step(f, name, number) == step(model, name, number)
            assert f.tell() == model.tell()
        f.seek(0)
        assert f.read() == model.getvalue()
