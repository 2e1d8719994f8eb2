"""What the doctor tells without a server: settings, plugins, and connections that there are none."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from doctor_runs import examine, run
from support import INSTALLED_TRANSPORTS
from tilde_core.testing.contract.failures import unused_port

NETWORK = ("proxy", "dns", "tcp", "tls", "service", "clock", "identity", "websocket", "upload")


def put(folder: Path, distribution: str, plugin: str, source: str) -> None:
    """Put a distribution with one plugin into a folder, as if it were installed there."""
    module = f"plugin_{distribution.replace('-', '_')}"
    (folder / f"{module}.py").write_text(source)
    info = folder / f"{distribution.replace('-', '_')}-1.2.dist-info"
    info.mkdir()
    (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {distribution}\nVersion: 1.2\n")
    (info / "entry_points.txt").write_text(f"[tilde]\n{plugin} = {module}\n")


@pytest.mark.skipif(not INSTALLED_TRANSPORTS, reason="no transport is installed")
def test_offline_is_useful_and_asks_nobody() -> None:
    found = examine("--offline", TILDE_API_KEY="tuk-s3cret", TILDE_ENDPOINT_URL="https://tilde.test/")
    assert found.code == 0
    assert found.report["ok"] is True
    assert {found.verdicts[name] for name in NETWORK} == {"skipped"}
    assert {verdict for name, verdict in found.verdicts.items() if name not in NETWORK} == {"ok"}
    assert found.settings["endpoint_url"] == ("https://tilde.test", "environment variable TILDE_ENDPOINT_URL")
    assert found.settings["verify"] == ("true", "default")
    assert {"tilde-core", "Python"} <= set(found.report["versions"])
    assert {"log", "static-credentials"} <= {plugin["name"] for plugin in found.report["plugins"]}


def test_secrets_are_masked(no_settings: Path) -> None:
    (no_settings / ".tilde").mkdir()
    (no_settings / ".tilde" / "config.yaml").write_text(
        "api_key: tuk-s3cret\nproxy: http://someone:s3cret-pr0xy@proxy.test:3128\n"
    )
    uri: dict[str, Any] = {"TILDE_SANDBOX_CREDENTIALS_URI": "http://127.0.0.1:1/s3cret"}
    found = examine("--offline", **uri)
    assert found.settings["api_key"] == ("***", "~/.tilde/config.yaml")
    assert found.settings["https_proxy"] == ("http://***@proxy.test:3128", "proxy in ~/.tilde/config.yaml")
    assert found.settings["sandbox_credentials_uri"][0] == "***"
    text = run("--offline", **uri)
    assert "proxy.test:3128" in text.stdout
    for printed in (found.printed, text.stdout, text.stderr):
        assert "s3cret" not in printed


def test_text_for_people(no_settings: Path) -> None:
    result = run(TILDE_ENDPOINT_URL=f"http://127.0.0.1:{unused_port()}")
    assert result.returncode == 1
    assert result.stderr == ""
    lines = result.stdout.splitlines()
    assert {"Settings", "Plugins", "Checks"} <= set(lines)
    assert "  failed   tcp        127.0.0.1:" in result.stdout
    assert "-> Start the server (`tilde-local serve`), or check TILDE_ENDPOINT_URL." in result.stdout
    assert max(map(len, lines[lines.index("Checks") :])) <= 110


def test_nothing_listens() -> None:
    found = examine(TILDE_API_KEY="k", TILDE_ENDPOINT_URL=f"http://127.0.0.1:{unused_port()}")
    assert found.code == 1
    assert found.verdicts["dns"] == "ok"
    assert found.verdicts["tcp"] == "failed"
    assert "refused the connection" in found.told("tcp")
    assert {found.verdicts[name] for name in NETWORK[3:]} == {"skipped"}


def test_a_name_that_nobody_knows() -> None:
    found = examine("--timeout", "3", TILDE_API_KEY="k", TILDE_ENDPOINT_URL="https://no-such-host.invalid")
    assert found.code == 1
    assert found.verdicts["dns"] == "failed"
    assert "no-such-host.invalid is not known" in found.told("dns")
    assert "TILDE_PROXY" in found.told("dns")


def test_a_proxy_that_is_not_there() -> None:
    proxy = f"http://someone:s3cret@127.0.0.1:{unused_port()}"
    found = examine(TILDE_API_KEY="k", TILDE_ENDPOINT_URL="https://tilde.test", TILDE_PROXY=proxy)
    assert "for tilde.test (environment variable TILDE_PROXY)" in found.told("proxy")
    assert "the proxy looks up the rest" in found.told("dns")
    assert "the proxy http://127.0.0.1:" in found.told("tcp")
    assert "s3cret" not in found.printed


def test_settings_that_cannot_be_used(no_settings: Path) -> None:
    assert not {"Settings", "Plugins"} & set(run("--offline", TILDE_TIMEOUT="soon").stdout.splitlines())
    found = examine("--offline", TILDE_TIMEOUT="soon")
    assert found.code == 1
    assert "TILDE_TIMEOUT" in found.told("settings")
    (no_settings / ".tilde").mkdir()
    (no_settings / ".tilde" / "config.yaml").write_text("- a list\n")
    found = examine("--offline")
    assert found.verdicts["settings"] == "warning"
    assert "config.yaml is not used" in found.told("settings")


def test_endpoint_urls_that_look_wrong() -> None:
    plain = examine("--offline", TILDE_ENDPOINT_URL="http://tilde.test")
    assert plain.verdicts["endpoint"] == "warning"
    twice = examine("--offline", TILDE_ENDPOINT_URL="https://tilde.test/api/v1")
    assert twice.verdicts["endpoint"] == "failed"
    assert "Leave /api/v1 out" in twice.told("endpoint")


def test_plugins_that_are_broken_misspelled_and_disabled(tmp_path: Path) -> None:
    put(tmp_path, "dist-broken", "broken", "import no_such_module_anywhere\n")
    misspelled = "from tilde.plugins import hookimpl\n\n@hookimpl\ndef tilde_evnt(event):\n    pass\n"
    put(tmp_path, "dist-misspelled", "misspelled", misspelled)
    put(tmp_path, "dist-disabled", "unwanted", "raise SystemExit\n")
    found = examine("--offline", path=tmp_path, TILDE_DISABLE_PLUGINS="unwanted,missspelled")
    told = found.told("plugins")
    assert "broken (dist-broken 1.2): failed: ModuleNotFoundError" in told
    assert "Upgrade or uninstall dist-broken, or set TILDE_DISABLE_PLUGINS=broken." in told
    assert "misspelled (dist-misspelled 1.2): active, but there is no hook named tilde_evnt" in told
    assert "TILDE_DISABLE_PLUGINS=misspelled" in told
    assert "names 'missspelled', and there is no plugin of that name; did you mean misspelled?" in told
    status = {plugin["name"]: plugin["status"] for plugin in found.report["plugins"]}
    assert status["unwanted"] == "disabled"


def test_a_plugin_whose_answer_is_wrong(tmp_path: Path) -> None:
    """The advice is about that plugin; to install a transport would change nothing."""
    put(
        tmp_path,
        "dist-wrong",
        "wrong",
        "import tilde.plugins as p\n\n@p.hookimpl\ndef tilde_transport():\n    return 7\n",
    )
    found = examine("--offline", path=tmp_path)
    assert found.verdicts["transport"] == "failed"
    assert "plugin wrong (dist-wrong 1.2) answered int to tilde_transport" in found.told("transport")
    assert "uninstall dist-wrong, or set TILDE_DISABLE_PLUGINS=wrong" in found.told("transport")
    assert "Install a transport" not in found.told("transport")


def test_two_plugins_of_one_name(tmp_path: Path) -> None:
    put(tmp_path, "dist-one", "same", "")
    put(tmp_path, "dist-two", "same", "")
    found = examine("--offline", path=tmp_path)
    assert found.code == 1
    assert found.verdicts["plugins"] == "failed"
    assert "dist-one 1.2" in found.told("plugins")
    assert "dist-two 1.2" in found.told("plugins")


def test_without_a_transport_it_says_what_to_install() -> None:
    found = examine(
        TILDE_API_KEY="k",
        TILDE_ENDPOINT_URL=f"http://127.0.0.1:{unused_port()}",
        TILDE_DISABLE_PLUGINS="httpx,requests,urllib3-example",
    )
    assert found.code == 1
    assert found.verdicts["transport"] == "failed"
    assert "tilde-transport-httpx" in found.told("transport")
    assert found.verdicts["tcp"] == "failed"  # the connection is checked all the same


def test_wrong_arguments() -> None:
    for arguments in (["--repository", "data"], ["--timeout", "0"], ["--timeout", "soon"], ["--unknown"]):
        result = run(*arguments)
        assert result.returncode == 2
        assert "usage: python -m tilde" in result.stderr


def test_nothing_heavy_is_imported_for_its_help() -> None:
    code = (
        "import sys, tilde.__main__ as m\n"
        "try: m.main(['--help'])\n"
        "except SystemExit: pass\n"
        "print([n for n in ('tilde_core.client', 'pluggy', 'msgspec', 'ssl') if n in sys.modules])\n"
    )
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert result.stdout.splitlines()[-1] == "[]"
