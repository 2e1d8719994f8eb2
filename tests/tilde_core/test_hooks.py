"""Discovery with fake installed distributions, choice, and answers that cannot be used."""

from __future__ import annotations

import importlib.metadata
import re
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from support import answer, fake_client
from tilde import Client
from tilde.exceptions import ConfigurationError, PluginError
from tilde.plugins import (
    CredentialOffer,
    CredentialProvider,
    CredentialSettings,
    Event,
    TransportOffer,
    hookimpl,
)
from tilde_core.hooks import manager
from tilde_core.testing import FakeTransport

ORG = {"id": "1", "name": "my-team"}
Install = Callable[..., None]

PLUGIN = """
from tilde.plugins import TransportOffer, hookimpl
from tilde_core.testing import FakeTransport

@hookimpl
def tilde_transport():
    return TransportOffer({name!r}, {priority}, lambda settings: FakeTransport())
"""


@pytest.fixture
def install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Install]:
    """Put a distribution with one plugin on the path, as if it were installed; nothing else is found."""
    monkeypatch.setattr(sys, "path", [str(tmp_path), *sys.path])
    real = importlib.metadata.distributions
    monkeypatch.setattr(importlib.metadata, "distributions", lambda: real(path=[str(tmp_path)]))
    manager.installed_plugins.cache_clear()

    def put(distribution: str, plugin: str, source: str, needs: str = "", where: str = "") -> None:
        module = f"plugin_{distribution.replace('-', '_')}"
        (tmp_path / f"{module}.py").write_text(source)
        info = tmp_path / f"{distribution.replace('-', '_')}-1.2.dist-info"
        info.mkdir()
        asks = f"Requires-Dist: {needs}\n" if needs else ""
        metadata = f"Metadata-Version: 2.1\nName: {distribution}\nVersion: 1.2\n{asks}"
        (info / "METADATA").write_text(metadata)
        (info / "entry_points.txt").write_text(f"[tilde]\n{plugin} = {module}{where}\n")
        monkeypatch.delitem(sys.modules, module, raising=False)
        manager.installed_plugins.cache_clear()

    yield put
    manager.installed_plugins.cache_clear()


def opened(client: Client) -> str:
    """The name of the transport that a client opens."""
    return client._runtime.hooks._choose_transport(client.config.transport.value).offer.name


def test_without_a_transport_only_the_first_request_fails(install: Install) -> None:
    client = Client(api_key="k")
    with pytest.raises(ConfigurationError, match="install tilde-transport-httpx"):
        client.organizations.get("x")


def test_the_only_one_is_taken_then_priority_then_name(install: Install) -> None:
    install("dist-b", "b", PLUGIN.format(name="b", priority=5))
    assert opened(Client()) == "b"
    install("dist-c", "c", PLUGIN.format(name="c", priority=7))
    assert opened(Client()) == "c"
    install("dist-a", "a", PLUGIN.format(name="a", priority=7))
    assert opened(Client()) == "a"


def test_a_choice_goes_by_name(install: Install, monkeypatch: pytest.MonkeyPatch, no_settings: Path) -> None:
    for name in ("a", "b", "c"):
        install(f"dist-{name}", name, PLUGIN.format(name=name, priority=0))
    (no_settings / ".tilde").mkdir()
    (no_settings / ".tilde" / "config.yaml").write_text("transport: c\n")
    assert opened(Client()) == "c"
    monkeypatch.setenv("TILDE_TRANSPORT", "b")
    assert opened(Client()) == "b"
    assert opened(Client(transport="a")) == "a"


def test_an_unknown_name_is_an_error_at_construction_that_lists_what_there_is(install: Install) -> None:
    install("dist-a", "a", PLUGIN.format(name="a", priority=0))
    with pytest.raises(ConfigurationError, match=r"no transport named 'x' \(argument transport\); installed: 'a'"):
        Client(transport="x")
    there_is = "'function', 'keyring', 'process', 'static'"
    with pytest.raises(
        ConfigurationError, match=rf"no credential plugin named 'x' \(argument credentials\); installed: {there_is}"
    ):
        Client(credentials="x")


def test_a_plugin_that_does_not_load_is_skipped_remembered_and_named(
    install: Install, caplog: pytest.LogCaptureFixture
) -> None:
    install("dist-broken", "broken", "import no_such_module_anywhere\n")
    client = Client(api_key="k")
    assert "broken (dist-broken 1.2): failed: ModuleNotFoundError" in caplog.text
    assert "; upgrade or uninstall dist-broken, or set TILDE_DISABLE_PLUGINS=broken" in caplog.text
    (info,) = [info for info in client.describe_plugins() if info.name == "broken"]
    assert (info.distribution, info.version, info.hooks) == ("dist-broken", "1.2", ())
    with pytest.raises(ConfigurationError, match=r"Not used: broken \(dist-broken 1.2\): failed") as caught:
        client.organizations.get("x")
    assert "upgrade or uninstall dist-broken, or set TILDE_DISABLE_PLUGINS=broken" in str(caught.value)


def test_two_distributions_with_one_name_are_an_error_that_names_both(install: Install) -> None:
    install("dist-one", "same", PLUGIN.format(name="same", priority=0))
    install("dist-two", "same", PLUGIN.format(name="same", priority=0))
    with pytest.raises(PluginError, match=r"'same': dist-\w+ 1.2 and dist-\w+ 1.2; uninstall one of them"):
        Client()


def test_two_plugins_that_offer_one_name_are_an_error(install: Install) -> None:
    install("dist-one", "one", PLUGIN.format(name="same", priority=0))
    install("dist-two", "two", PLUGIN.format(name="same", priority=0))
    label, way_out = r"\w+ \(dist-\w+ 1.2\)", r"uninstall one, or set TILDE_DISABLE_PLUGINS=\w+$"
    with pytest.raises(PluginError, match=rf"{label} and {label} both offer 'same'; {way_out}") as caught:
        Client(transport="same")
    assert "one (dist-one 1.2)" in str(caught.value)
    assert "two (dist-two 1.2)" in str(caught.value)


def test_plugins_can_be_disabled(install: Install, monkeypatch: pytest.MonkeyPatch) -> None:
    install("dist-a", "a", PLUGIN.format(name="a", priority=9))
    install("dist-b", "b", PLUGIN.format(name="b", priority=0))
    monkeypatch.setenv("TILDE_DISABLE_PLUGINS", "x, a")
    client = Client()
    assert opened(client) == "b"
    assert {info.name: info.status for info in client.describe_plugins()}["a"] == "disabled"


def test_a_disabled_plugin_that_is_asked_for_is_named(install: Install, monkeypatch: pytest.MonkeyPatch) -> None:
    install("dist-a", "a", "raise AssertionError('it must not be imported')\n")
    monkeypatch.setenv("TILDE_DISABLE_PLUGINS", "a")
    way_out = r"a \(dist-a 1.2\): disabled; take a out of TILDE_DISABLE_PLUGINS to use it"
    with pytest.raises(ConfigurationError, match=rf"no transport named 'a'.*{way_out}"):
        Client(transport="a")


def test_describe_plugins(install: Install) -> None:
    install("dist-a", "a", PLUGIN.format(name="a", priority=9))
    described = {info.name: info for info in Client().describe_plugins()}
    assert set(described) == {
        "a",
        "credential-process",
        "default-retry",
        "function-credentials",
        "keyring-credentials",
        "log",
        "static-credentials",
        "websocket-connector",
    }
    assert described["a"].hooks == ("tilde_transport",)
    assert described["a"].status == "active"
    assert described["default-retry"].distribution == "tilde-core"


def test_a_misspelled_hook_shows(install: Install, caplog: pytest.LogCaptureFixture) -> None:
    install("dist-a", "a", PLUGIN.format(name="a", priority=9).replace("def tilde_transport", "def tilde_tranport"))
    (info,) = [info for info in Client().describe_plugins() if info.name == "a"]
    assert info.status == "active, but there is no hook named tilde_tranport; did you mean tilde_transport?"
    warned = "a (dist-a 1.2): active, but there is no hook named tilde_tranport; did you mean tilde_transport?; upgrade"
    assert warned in caplog.text


INCOMPATIBLE = {
    "arguments that the hook does not have": "@hookimpl\ndef tilde_event(event, client):\n    pass\n",
    "a wrapper that does not yield": "@hookimpl(wrapper=True)\ndef tilde_send(request):\n    return None\n",
}


@pytest.mark.parametrize("source", INCOMPATIBLE.values(), ids=INCOMPATIBLE)
def test_a_plugin_for_another_version_is_left_out_and_named(
    install: Install, caplog: pytest.LogCaptureFixture, source: str
) -> None:
    offer = PLUGIN.format(name="a", priority=9)
    install("dist-a", "a", offer + source, "tilde-core>=0.3,<0.4; python_version >= '3.10'")
    install("dist-b", "b", PLUGIN.format(name="b", priority=0))
    client = Client()
    assert opened(client) == "b"  # nothing of it is in use, also not the hooks that would fit
    (info,) = [info for info in client.describe_plugins() if info.name == "a"]
    assert info.status.startswith("failed: it is for another version of the SDK: ")
    assert "a (dist-a 1.2): failed: it is for another version" in caplog.text
    assert "upgrade or uninstall dist-a (which asks for tilde-core>=0.3,<0.4" in caplog.text
    assert "TILDE_DISABLE_PLUGINS=a" in caplog.text
    assert len(caplog.text.splitlines()) == 1


def test_a_plugin_that_asks_for_a_name_of_another_version(install: Install, caplog: pytest.LogCaptureFixture) -> None:
    install("dist-a", "a", "from tilde.plugins import NameOfLater\n", "tilde-sdk>=9")
    Client()
    assert "a (dist-a 1.2): failed: ImportError: cannot import name 'NameOfLater'" in caplog.text
    assert "dist-a (which asks for tilde-sdk>=9; installed is 0.1.0)" in caplog.text


WAY_OUT = (
    "; upgrade or uninstall dist-a (which asks for tilde-core>=0.1; installed is 0.1.0), or set TILDE_DISABLE_PLUGINS=a"
)
CLASS = """
from tilde.plugins import hookimpl

class Plugin:
    @hookimpl
    def tilde_send(self, request, transport): ...
"""
USELESS = {
    "an end of the program": ("raise SystemExit('no licence')", "", "failed: SystemExit: no licence"),
    "a name that is not there": ("", ":nothing", r"failed: AttributeError: module '\w+' has no attribute 'nothing'"),
    "a class": (CLASS, ":Plugin", r"failed: it is a class, whose hooks nobody can call: Plugin\(\) would be an object"),
    "no hook": (
        "def tilde_event(event): ...",
        "",
        "active, but it has no hook: nothing in it is marked with @hookimpl",
    ),
    "a hook of later": (
        "from tilde.plugins import hookimpl\n@hookimpl\ndef tilde_new_hook(): ...",
        "",
        "active, but there is no hook named tilde_new_hook(?=;)",
    ),
}


@pytest.mark.parametrize(("source", "where", "status"), USELESS.values(), ids=USELESS)
def test_a_plugin_that_cannot_work_is_named_with_its_way_out(
    install: Install, caplog: pytest.LogCaptureFixture, source: str, where: str, status: str
) -> None:
    install("dist-a", "a", source, "tilde-core>=0.1", where)
    (info,) = [info for info in Client().describe_plugins() if info.name == "a"]
    assert re.match(status, f"{info.status};")
    assert re.search(rf"plugin a \(dist-a 1\.2\): {status}.*{re.escape(WAY_OUT)}", caplog.text)
    assert len(caplog.text.splitlines()) == 1


def test_what_is_pressed_during_an_import_is_not_the_plugins_fault(install: Install) -> None:
    install("dist-a", "a", "raise KeyboardInterrupt")
    with pytest.raises(KeyboardInterrupt):
        Client()


@pytest.mark.parametrize("name", ["default-retry", "core-send"])
def test_a_name_of_the_sdks_own_is_an_error(install: Install, name: str) -> None:
    install("dist-a", name, PLUGIN.format(name="a", priority=0))
    message = rf"'{name}' of dist-a 1\.2 has the name of one of the SDK's own; upgrade or uninstall dist-a"
    with pytest.raises(PluginError, match=message):
        Client()


class WithoutMetadata(importlib.metadata.PathDistribution):
    """As the package importlib_metadata has it."""

    @property
    def metadata(self) -> Any:
        raise FileNotFoundError("No package metadata was found.")


@pytest.mark.parametrize("kind", [importlib.metadata.PathDistribution, WithoutMetadata])
def test_a_distribution_that_was_not_removed_as_a_whole(
    install: Install, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, kind: type[importlib.metadata.PathDistribution]
) -> None:
    install("dist-a", "a", "import no_such_module_anywhere")
    left = kind(tmp_path / "dist_a-1.2.dist-info")
    monkeypatch.setattr(importlib.metadata, "distributions", lambda: [left])
    (tmp_path / "dist_a-1.2.dist-info/METADATA").unlink()
    (info,) = [info for info in Client().describe_plugins() if info.name == "a"]
    assert str(info).startswith("a (a distribution without a name): failed: ModuleNotFoundError")
    assert "set TILDE_DISABLE_PLUGINS=a" in str(info)


def test_a_class_in_place_of_an_object_is_an_error() -> None:
    with pytest.raises(PluginError, match=r"plugin Quiet \(given to the client\): it is a class.*Quiet\(\) would be"):
        fake_client([], plugins=[Quiet])


def test_one_plugin_twice_is_an_error_that_says_under_which_name() -> None:
    one = Quiet()
    with pytest.raises(PluginError, match=r"plugin Quiet' \(given to the client\): it is in use already, as Quiet"):
        fake_client([], plugins=[one, one])


def test_an_object_for_another_version_is_an_error() -> None:
    """Somebody asked for it."""

    class Later:
        @hookimpl
        def tilde_event(self, event: Event, client: object) -> None: ...

    with pytest.raises(PluginError, match=r"Later \(given to the client\): it is for another version of the SDK"):
        fake_client([], plugins=[Later()])


@pytest.mark.parametrize(
    ("source", "message"),
    [
        ("return 'httpx'", "answered str to tilde_transport instead of a TransportOffer"),
        ("1 / 0", "failed in tilde_transport: ZeroDivisionError"),
        (
            "return [TransportOffer('a', 0, lambda settings: 7)]",
            "answered list to tilde_transport instead of a TransportOffer",
        ),
        (
            "return TransportOffer('a', 'high', lambda settings: 7)",
            "no offer to tilde_transport: the priority must be a whole number",
        ),
        ("return TransportOffer(None, 0, lambda settings: 7)", "no offer to tilde_transport: the name must be a text"),
        ("return TransportOffer('a', 0, None)", "no offer to tilde_transport: open must be a function of the settings"),
        ("return TransportOffer('a', 0, lambda settings: 7)", "answered int to open of 'a', which is not a Transport"),
        ("return TransportOffer('a', 0, lambda settings: None)", "answered None"),
        ("return TransportOffer('a', 0, lambda settings: 1 / 0)", "failed in open of 'a': ZeroDivisionError"),
    ],
)
def test_wrong_answers_name_the_plugin(install: Install, source: str, message: str) -> None:
    head = "from tilde.plugins import TransportOffer, hookimpl\n\n@hookimpl\ndef tilde_transport():\n    "
    install("dist-a", "a", head + source)
    with pytest.raises(PluginError, match=message) as caught:
        Client(api_key="k").organizations.get("x")
    assert "plugin a (dist-a 1.2)" in str(caught.value)
    assert str(caught.value).endswith("; upgrade or uninstall dist-a, or set TILDE_DISABLE_PLUGINS=a")


def test_a_name_that_is_to_be_disabled_and_that_no_plugin_has(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """Whoever misspells it would go on with the plugin, and not know."""
    monkeypatch.setenv("TILDE_DISABLE_PLUGINS", "default-rtry,log")
    Client("key").close()
    assert caplog.messages == [
        "TILDE_DISABLE_PLUGINS names 'default-rtry', and there is no plugin of that name; did you mean default-retry?"
    ]


def test_a_sender_that_fails_is_named(install: Install) -> None:
    source = "from tilde.plugins import hookimpl\n\n@hookimpl\ndef tilde_send(request):\n    return {}['key']"
    install("dist-a", "a", source)
    message = r"plugin a \(dist-a 1\.2\) failed in tilde_send: KeyError: 'key'; upgrade or uninstall dist-a"
    with pytest.raises(PluginError, match=message) as caught:
        Client(api_key="k", transport=FakeTransport([])).organizations.get("x")
    assert isinstance(caught.value.__cause__, KeyError)


@pytest.mark.parametrize("kind", ["TRANSPORT", "WEBSOCKET", "CREDENTIALS"])
def test_a_name_that_nothing_has_is_told_with_its_source(monkeypatch: pytest.MonkeyPatch, kind: str) -> None:
    monkeypatch.setenv(f"TILDE_{kind}", "nobody")
    with pytest.raises(
        ConfigurationError, match=rf"named 'nobody' \(environment variable TILDE_{kind}\); installed: '"
    ):
        Client("key")


def test_a_transport_object_needs_no_plugin(install: Install) -> None:
    transport = FakeTransport([answer(200, ORG)])
    assert Client(api_key="k", transport=transport).organizations.get("x").name == "my-team"


def test_offers_are_plain_values() -> None:
    open_it = FakeTransport
    assert TransportOffer("a", 1, open_it) == TransportOffer("a", 1, open_it)  # type: ignore[arg-type]


class Quiet:
    """Has a hook, and no answer to it."""

    @hookimpl
    def tilde_credentials(self) -> None:
        return None


class Refusing:
    @hookimpl
    def tilde_credentials(self) -> CredentialOffer:
        def open_it(settings: CredentialSettings) -> CredentialProvider:
            raise ConfigurationError("the vault is sealed")

        return CredentialOffer("vault", 5, open_it)


def test_a_hook_without_an_answer_is_passed_over() -> None:
    client, _, _ = fake_client([answer(200, ORG)], plugins=[Quiet()])
    assert client.organizations.get("x").name == "my-team"


def test_a_plugins_own_error_passes_as_it_is() -> None:
    client, _, _ = fake_client([], api_key=None, plugins=[Refusing()])
    with pytest.raises(ConfigurationError, match=r"^organizations\.get: the vault is sealed$"):
        client.organizations.get("x")
