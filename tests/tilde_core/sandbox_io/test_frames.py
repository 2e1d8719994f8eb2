from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tilde.exceptions import SerializationError
from tilde_core.sandbox_io import frames
from tilde_core.sandbox_io.frames import Exit, Output


def test_launch() -> None:
    message = frames.launch(["sh", "-c", "echo ß"], {"A": "b"}, "/sandbox")
    assert message[:1] == b"\x00"
    assert json.loads(message[1:]) == {"cmd": ["sh", "-c", "echo ß"], "env": {"A": "b"}, "cwd": "/sandbox"}
    assert json.loads(frames.launch(["ls"], {}, None)[1:]) == {"cmd": ["ls"]}


@given(st.binary(max_size=300_000), st.sampled_from([bytes, bytearray, memoryview]))
def test_input_comes_in_messages_that_pass(data: bytes, kind: type[bytes]) -> None:
    messages = list(frames.input_messages(kind(data)))
    assert all(message[:1] == b"\x01" and 1 < len(message) <= 64 * 1024 for message in messages)
    assert b"".join(message[1:] for message in messages) == data
    typed = list(frames.terminal_input(data))
    assert [message[1:] for message in typed] == [message[1:] for message in messages]
    assert all(message[:1] == b"\x00" for message in typed)


def test_input_of_wider_items_is_their_bytes() -> None:
    assert list(frames.input_messages(memoryview(b"abcdefgh").cast("I"))) == [b"\x01abcdefgh"]


@pytest.mark.parametrize(
    ("message", "told"),
    [
        (b"\x03out", Output("stdout", b"out")),
        (b"\x04\x00\xff", Output("stderr", b"\x00\xff")),
        (b"\x03", Output("stdout", b"")),
        (b'\x05{"exit_code": 3}', Exit(3)),
        (b'\x05{"exit_code": 127, "reason": "command_not_found", "error": "foo", "new": 1}',
         Exit(127, "command_not_found", "foo")),
        (b'\x05{"exit_code": null, "reason": null}', Exit()),
        (b"\x05{}", Exit()),
        (b"\x07what is this", None),
        (b"", None),
    ],
)  # fmt: skip
def test_what_a_command_tells(message: bytes, told: object) -> None:
    assert frames.read_exec(message) == told


@pytest.mark.parametrize(
    ("message", "told"),
    [
        (b"\x01$ ", b"$ "),
        (b'\x03{"exited": true, "exit_code": 1}', Exit(1)),
        (b"\x00typed", None),
        (b"", None),
    ],
)
def test_what_a_terminal_tells(message: bytes, told: object) -> None:
    assert frames.read_terminal(message) == told


@pytest.mark.parametrize("told", [b"", b"{", b"[]", b'{"exit_code": "three"}', b"\xff"])
def test_an_end_that_cannot_be_read(told: bytes) -> None:
    with pytest.raises(SerializationError, match="how the command ended"):
        frames.read_exec(b"\x05" + told)
    with pytest.raises(SerializationError):
        frames.read_terminal(b"\x03" + told)


def test_the_words_of_an_end() -> None:
    assert Exit(127, "command_not_found", "foo").text == "command not found: foo"
    assert Exit(127, "command_not_found", "Command not found: foo").text == "Command not found: foo"
    assert Exit(1, None, "foo").text == "foo"
    assert Exit(137, "out_of_memory").text == "out of memory"
    assert Exit(0).text == ""


def test_resize() -> None:
    assert frames.resize(80, 24) == b'\x02{"cols":80,"rows":24}'
    assert frames.end_of_input() == b"\x02"
