"""`credential_process` of the config file: how the command is run, what it prints, and what is told of its failures."""

from __future__ import annotations

import json
import logging
import os
import pickle
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from support import answer, fake_client
from tilde import Client
from tilde.exceptions import ConfigurationError, CredentialsError
from tilde.plugins import (
    AccessToken,
    CredentialOffer,
    CredentialProvider,
    CredentialSettings,
    Request,
    Response,
    hookimpl,
)
from tilde_core.config import resolve_config
from tilde_core.credentials.command import MAX_BYTES, printed_by
from tilde_core.credentials.command_output import read_output
from tilde_core.credentials.configured import CredentialProcess
from tilde_core.testing import FakeTransport

pytestmark = pytest.mark.skipif(os.name != "posix", reason="the commands are those of a POSIX shell")

ORG = {"id": "1", "name": "my-team"}
SECRET = "tuk-s3cret-0123456789abcdef"
ENDS = "2036-01-01T00:00:00Z"
SOURCE = "credential_process in ~/.tilde/config.yaml"
GOOD = json.dumps({"version": 1, "access_token": SECRET, "expires_at": ENDS})

Configure = Callable[..., Path]


@pytest.fixture
def configure(no_settings: Path) -> Configure:
    """Write the config file."""

    def write(**settings: Any) -> Path:
        path = no_settings / ".tilde" / "config.yaml"
        path.parent.mkdir(exist_ok=True)
        path.write_text(json.dumps(settings))  # which is YAML too
        return path

    return write


def shell(script: str, timeout: float = 60.0) -> CredentialProcess:
    return CredentialProcess(("sh", "-c", script), timeout, SOURCE)


def organization(request: Request) -> Response:
    return answer(200, ORG)


def sent(transport: FakeTransport) -> list[str]:
    return [request.headers["Authorization"].removeprefix("Bearer ") for request in transport.requests]


def counting(folder: Path, ends: str = ENDS) -> list[str]:
    """A command whose tokens are numbered."""
    form = f'{{"version": 1, "access_token": "token-%d", "expires_at": "{ends}"}}'
    return ["sh", "-c", f"echo >> '{folder}/calls'; printf '{form}' $(wc -l < '{folder}/calls')"]


class TestInAClient:
    def test_its_token_is_kept(self, configure: Configure, tmp_path: Path) -> None:
        configure(credential_process=counting(tmp_path))
        client, transport, _ = fake_client(organization, api_key=None)
        assert not (tmp_path / "calls").exists()
        client.organizations.get("x")
        client.organizations.get("x")
        assert sent(transport) == ["token-1", "token-1"]
        token = client.access_token()
        assert token is not None
        assert token.expires_at.isoformat() == "2036-01-01T00:00:00+00:00"

    def test_it_is_run_again_near_the_end_and_after_a_refusal(self, configure: Configure, tmp_path: Path) -> None:
        configure(credential_process=counting(tmp_path, "2026-05-28T21:00:00Z"))
        answers = [answer(200, ORG), answer(200, ORG), answer(401), answer(200, ORG)]
        client, transport, clock = fake_client(answers, api_key=None)
        client.organizations.get("x")
        assert client.access_token() is not None
        clock.now += client.access_token().expires_at.timestamp() - clock.clock.wall() - 10  # type: ignore[union-attr]
        client.organizations.get("x")
        client.organizations.get("x")
        assert sent(transport) == ["token-1", "token-2", "token-2", "token-3"]

    def test_as_text_it_is_split_into_words_and_no_shell_reads_it(self, configure: Configure, tmp_path: Path) -> None:
        script = tmp_path / "print token"
        script.write_text(
            f"#!{sys.executable}\nimport json, sys\n"
            f'print(json.dumps({{"version": 1, "access_token": "/".join(sys.argv[1:]), "expires_at": "{ENDS}"}}))\n'
        )
        script.chmod(0o755)
        configure(credential_process=f"'{script}' \"$HOME\" `id` ; a|b > c")
        client, transport, _ = fake_client(organization, api_key=None)
        client.organizations.get("x")
        assert sent(transport) == ["$HOME/`id`/;/a|b/>/c"]

    def test_nothing_shows_token_or_arguments(self, configure: Configure, caplog: pytest.LogCaptureFixture) -> None:
        configure(credential_process=["sh", "-c", f"echo '{GOOD}'"])
        client, _, _ = fake_client(organization, api_key=None)
        with caplog.at_level(logging.DEBUG):
            client.organizations.get("x")
        shown = [client, client.config, client.config.credential_process.value, client._runtime._settings()]
        assert SECRET not in repr(shown) + caplog.text

    def test_it_is_a_plugin_like_any_other(self, configure: Configure) -> None:
        (info,) = [info for info in Client().describe_plugins() if info.name == "credential-process"]
        assert (info.distribution, info.hooks, info.status) == ("tilde-core", ("tilde_credentials",), "active")


class Vault:
    """A plugin that would rank before everything."""

    @hookimpl
    def tilde_credentials(self) -> CredentialOffer:
        return CredentialOffer("vault", 10_000, self.open)

    def open(self, settings: CredentialSettings) -> CredentialProvider:
        raise AssertionError("it was asked")


class TestOrder:
    @pytest.fixture
    def command(self, tmp_path: Path) -> list[str]:
        return counting(tmp_path)

    def key_in_use(self, **options: Any) -> str:
        client, transport, _ = fake_client(organization, **{"api_key": None, **options})
        client.organizations.get("x")
        return sent(transport)[0]

    def test_it_comes_before_every_detection(
        self, configure: Configure, command: list[str], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        configure(credential_process=command)
        monkeypatch.setenv("TILDE_SANDBOX_CREDENTIALS_URI", "http://127.0.0.1:1/none")
        assert self.key_in_use(plugins=[Vault()]) == "token-1"

    def test_a_key_comes_before_it(
        self, configure: Configure, command: list[str], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        configure(credential_process=command, api_key="tuk-file")
        assert self.key_in_use() == "tuk-file"
        configure(credential_process=command)
        monkeypatch.setenv("TILDE_API_KEY", "tuk-env")
        assert self.key_in_use() == "tuk-env"
        assert self.key_in_use(api_key="tuk-given") == "tuk-given"
        assert self.key_in_use(api_key=lambda: "tuk-function") == "tuk-function"

    def test_it_can_be_chosen_outright(
        self, configure: Configure, command: list[str], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        configure(credential_process=command)
        monkeypatch.setenv("TILDE_API_KEY", "tuk-env")
        assert self.key_in_use(credentials="process") == "token-1"

    def test_that_of_a_profile_in_code_comes_before_a_key_in_the_environment(
        self, configure: Configure, command: list[str], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        configure(api_key="tuk-top", profiles={"staging": {"credential_process": command}})
        monkeypatch.setenv("TILDE_API_KEY", "tuk-env")
        assert self.key_in_use(profile="staging") == "token-1"
        monkeypatch.setenv("TILDE_PROFILE", "staging")
        assert self.key_in_use() == "tuk-env"

    def test_no_variable_says_what_is_run(self, monkeypatch: pytest.MonkeyPatch) -> None:
        for name in ("TILDE_CREDENTIAL_PROCESS", "TILDE_CREDENTIALS_PROCESS", "CREDENTIAL_PROCESS"):
            monkeypatch.setenv(name, "false")
        assert resolve_config().credential_process.value is None


class TestSettings:
    def test_a_copy_of_the_client_has_it(self, configure: Configure) -> None:
        configure(credential_process=["tool", SECRET], api_key_keyring={"service": "a", "username": "b"})
        client = Client()
        assert pickle.loads(pickle.dumps(client)).config == client.config

    def test_defaults_and_source(self, configure: Configure) -> None:
        configure(credential_process="tool 'a b'")
        found = resolve_config().credential_process
        assert found.value == CredentialProcess(("tool", "a b"), 60.0, SOURCE)
        assert found.source == SOURCE
        configure(profiles={"x": {"credential_process": ["tool"], "credential_process_timeout": 1.5}})
        assert resolve_config(profile="x").credential_process.value == CredentialProcess(
            ("tool",), 1.5, "credential_process in profile 'x' of ~/.tilde/config.yaml"
        )

    @pytest.mark.parametrize("command", [5, True, [], {"a": "b"}, ["tool", 5], [""], "''", [None]])
    def test_what_is_no_command(self, configure: Configure, command: Any) -> None:
        configure(credential_process=command)
        with pytest.raises(ConfigurationError, match=f"^{SOURCE} must be a command"):
            Client()

    def test_an_open_quote(self, configure: Configure) -> None:
        configure(credential_process=f"tool '{SECRET}")
        with pytest.raises(ConfigurationError, match="cannot be split into words: No closing quotation") as caught:
            Client()
        assert SECRET not in str(caught.value)

    @pytest.mark.parametrize("seconds", [0, -1, "5", True, [5], float("inf"), float("nan")])
    def test_what_is_no_time(self, configure: Configure, seconds: Any) -> None:
        path = configure(credential_process="tool")
        path.write_text(f"credential_process: tool\ncredential_process_timeout: {yaml_of(seconds)}\n")
        with pytest.raises(ConfigurationError, match=r"^credential_process_timeout in .* a number of seconds above 0"):
            Client()


def yaml_of(value: Any) -> str:
    return {"inf": ".inf", "nan": ".nan"}.get(str(value), json.dumps(value) if value == value else ".nan")


class TestRunning:
    def test_it_has_no_input_and_no_terminal(self) -> None:
        assert printed_by(shell("cat; (: < /dev/tty) 2> /dev/null || echo none")) == b"none\n"

    def test_one_that_takes_too_long_is_ended_with_all_that_it_started(self, tmp_path: Path) -> None:
        fifo = tmp_path / "fifo"
        os.mkfifo(fifo)
        reader = os.open(fifo, os.O_RDONLY | os.O_NONBLOCK)
        os.set_blocking(reader, True)
        with pytest.raises(CredentialsError, match=r"'sh' .* not done within 2 seconds.* credential_process_timeout"):
            printed_by(shell(f"exec 3> '{fifo}'; echo begun >&3; sleep 1000 & sleep 1000", timeout=2))
        with os.fdopen(reader, "rb") as told:
            # To its end: nobody has the other side open. On a machine that is busy, it may not even have begun.
            assert told.read() in (b"begun\n", b"")

    def test_one_that_leaves_a_daemon_behind_is_not_waited_for(self, tmp_path: Path) -> None:
        pid = tmp_path / "pid"
        try:
            assert printed_by(shell(f"echo done; sleep 1000 & echo $! > '{pid}'")) == b"done\n"
        finally:
            os.kill(int(pid.read_text()), 9)

    def test_ctrl_c_ends_it(self, monkeypatch: pytest.MonkeyPatch) -> None:
        started: list[subprocess.Popen[bytes]] = []
        wait = subprocess.Popen.wait

        def interrupted(process: subprocess.Popen[bytes], timeout: float | None = None) -> int:
            if process not in started:
                started.append(process)
                raise KeyboardInterrupt
            return wait(process, timeout)

        monkeypatch.setattr(subprocess.Popen, "wait", interrupted)
        with pytest.raises(KeyboardInterrupt):
            printed_by(shell("sleep 1000"))
        assert started[0].returncode == -9

    def test_one_that_prints_without_end_takes_no_memory(self) -> None:
        with pytest.raises(CredentialsError, match=f"printed more than {MAX_BYTES} bytes"):
            printed_by(shell("head -c 1000000 /dev/zero"))

    def test_it_cannot_come_to_run_itself(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        seen = printed_by(shell('printf %s "$TILDE_CREDENTIAL_PROCESS_FOR"')).decode()
        monkeypatch.setenv("TILDE_CREDENTIAL_PROCESS_FOR", seen)
        with pytest.raises(CredentialsError, match="asked for the very token that it is to print"):
            printed_by(shell("echo"))
        assert printed_by(CredentialProcess(("echo",), 60.0, "another profile")) == b"\n"


class TestFailures:
    @pytest.mark.parametrize("command", ["no-such-tool-anywhere", "/no/such/tool", "~/tool"])
    def test_not_found(self, command: str) -> None:
        with pytest.raises(CredentialsError, match=rf"'{command}' \({SOURCE}\) was not found. Write its full path"):
            printed_by(CredentialProcess((command, SECRET), 60.0, SOURCE))

    def test_not_a_program(self, tmp_path: Path) -> None:
        file = tmp_path / "tool"
        file.write_text("echo")
        with pytest.raises(CredentialsError, match=r"may not be run: .* \(chmod \+x\)"):
            printed_by(CredentialProcess((str(file),), 60.0, SOURCE))
        file.chmod(0o755)
        with pytest.raises(CredentialsError, match=r"cannot be started .* first line must name a program"):
            printed_by(CredentialProcess((str(file),), 60.0, SOURCE))
        with pytest.raises(CredentialsError, match="there is a null byte in it"):
            printed_by(CredentialProcess(("tool", "\0"), 60.0, SOURCE))

    @pytest.mark.parametrize(("script", "how"), [("exit 3", "with exit code 3"), ("kill -9 $$", "by signal 9")])
    def test_how_it_ended(self, script: str, how: str) -> None:
        with pytest.raises(CredentialsError, match=f"'sh' .* ended {how}; run it by hand .* It printed nothing"):
            printed_by(shell(script))

    def test_its_last_words_are_told(self) -> None:
        with pytest.raises(CredentialsError, match=r"It said: please run: sso login$"):
            printed_by(shell(r"printf 'please run:\n \033sso login\n' >&2; exit 1"))

    @pytest.mark.parametrize("before", ["", "Bearer ", "token=", "+ curl -H 'Authorization: "])
    def test_no_word_that_may_be_a_token(self, before: str) -> None:
        with pytest.raises(CredentialsError) as caught:
            printed_by(shell(f'echo "it failed: {before}{SECRET}" >&2; exit 1'))
        assert "It said: it failed:" in str(caught.value)
        assert "***" in str(caught.value)
        assert SECRET[4:12] not in str(caught.value)

    def test_no_word_at_all_if_there_was_output(self) -> None:
        with pytest.raises(CredentialsError, match=r"not shown, as a token may be in it$"):
            printed_by(shell("echo secret; echo secret >&2; exit 1"))

    def test_not_more_than_the_end_of_them(self) -> None:
        with pytest.raises(CredentialsError) as caught:
            printed_by(shell("yes 'all is lost' | head -c 200000 >&2; echo at last >&2; exit 1"))
        assert str(caught.value).endswith("at last")
        assert len(str(caught.value)) < 700

    def test_arguments_are_not_told(self) -> None:
        for script in (f"exit 1 # {SECRET}", f"sleep 1000 # {SECRET}"):
            with pytest.raises(CredentialsError) as caught:
                printed_by(shell(script, timeout=0.2))
            assert SECRET not in str(caught.value) + repr(caught.value.__cause__) + repr(caught.value.__context__)

    def test_the_request_was_not_sent(self, configure: Configure) -> None:
        configure(credential_process=["false"])
        client, transport, _ = fake_client([], api_key=None)
        with pytest.raises(CredentialsError, match=r"^organizations.get: the command 'false' .* exit code 1"):
            client.organizations.get("x")
        assert transport.requests == []


class TestOutput:
    @staticmethod
    def read(printed: Any) -> AccessToken:
        text = printed if isinstance(printed, bytes) else json.dumps(printed).encode()
        return read_output(text, shell("echo"))

    def test_more_than_what_is_needed_does_no_harm(self) -> None:
        answer = {"version": 1, "access_token": SECRET, "expires_at": "2036-01-01T01:00:00.5+01:00", "more": {}}
        token = self.read(answer)
        assert (token.token, token.expires_at.timestamp()) == (SECRET, 2082758400.5)

    @pytest.mark.parametrize("version", [0, 2, 17])
    def test_other_versions(self, version: int) -> None:
        with pytest.raises(CredentialsError, match=f"printed version {version} .* knows version 1: update tilde-core"):
            self.read({**json.loads(GOOD), "version": version})

    @pytest.mark.parametrize(
        ("change", "why"),
        [
            ({"version": None}, "it has no version"),
            ({"version": "1"}, "version is not a number"),
            ({"version": True}, "version is not a number"),
            ({"access_token": None}, "access_token is missing"),
            ({"access_token": ""}, "access_token is missing, empty"),
            ({"access_token": f"{SECRET}\n"}, "access_token is .* not printable ASCII"),
            ({"access_token": [SECRET]}, "access_token is missing"),
            ({"expires_at": None}, "expires_at is missing"),
            ({"expires_at": 2036}, "expires_at is missing, or not a text"),
            ({"expires_at": "2036-01-01T00:00:00"}, "expires_at is not a time"),
            ({"expires_at": SECRET}, "expires_at is not a time"),
        ],
    )
    def test_what_is_missing_or_wrong(self, change: dict[str, Any], why: str) -> None:
        with pytest.raises(CredentialsError, match=f"gave no token: {why}") as caught:
            self.read({**json.loads(GOOD), **change})
        assert '{"version": 1, "access_token"' in str(caught.value)
        assert SECRET not in str(caught.value) + repr(caught.value.__cause__)

    @pytest.mark.parametrize(
        ("printed", "why"),
        [
            (b"", "it printed nothing"),
            (b" \n", "it printed nothing"),
            (SECRET.encode(), "it printed no JSON object"),
            (f'["{SECRET}"]'.encode(), "it printed no JSON object"),
            (GOOD.encode()[:-1], "it printed no JSON object"),
            (b"\xff" + GOOD.encode(), "it printed no JSON object"),
            (b"[" * 60_000, "it printed no JSON object"),
        ],
    )
    def test_what_is_no_json(self, printed: bytes, why: str) -> None:
        with pytest.raises(CredentialsError, match=f"gave no token: {why}") as caught:
            self.read(printed)
        error: BaseException | None = caught.value
        while error is not None:
            assert SECRET not in repr(error) + repr(vars(error))
            error = error.__cause__ or error.__context__

    def test_a_token_that_is_over(self, configure: Configure) -> None:
        configure(credential_process=["echo", json.dumps({**json.loads(GOOD), "expires_at": "2020-01-01T00:00:00Z"})])
        client, _, _ = fake_client([], api_key=None)
        with pytest.raises(CredentialsError, match="ended at 2020-01-01"):
            client.organizations.get("x")


def test_nothing_of_it_is_imported_without_it() -> None:
    program = """
import sys, tilde
tilde.Client("key").describe_plugins()
sys.exit(", ".join(name for name in sys.modules if name.startswith("tilde_core.credentials.command")) or 0)
"""
    ran = subprocess.run([sys.executable, "-c", program], check=False, capture_output=True, text=True)
    assert (ran.returncode, ran.stderr) == (0, "")
