"""What the documents enumerate is what there is."""

from __future__ import annotations

import inspect
import re
from pathlib import Path

import pytest
import yaml

pytest.importorskip("tilde_local.server")

import tilde.exceptions
import tilde_local.cli
from docs.blocks import DOCUMENTS, ROOT
from docs.tables import table_rows
from tilde_core.hooks import spec
from tilde_core.network_config import NetworkArguments
from tilde_core.transfer import limits
from tilde_local.console.outputs import TAIL_BYTES
from tilde_local.object_store import DOWNLOAD_SECONDS, UPLOAD_SECONDS
from tilde_local.objects import MAX_METADATA_BYTES
from tilde_local.policy.actions import ACTIONS
from tilde_local.routing import MAX_BODY_BYTES
from tilde_local.runner.base import Limits
from tilde_local.sandboxes.outside import CONNECTIONS
from tilde_local.sandboxes.reading import LOG_DAYS
from tilde_local.sandboxes.settings import Settings
from tilde_local.sandboxes.tokens import MOST_TOKENS
from tilde_local.store.paths import MAX_PATH_BYTES
from tilde_local.triggers.conditions import MAX_PATHS

ARCHITECTURE = (ROOT / "docs/architecture.md").read_text(encoding="utf-8")
NETWORKS = (ROOT / "docs/corporate-networks.md").read_text(encoding="utf-8")
GUIDE = (ROOT / "docs/guide.md").read_text(encoding="utf-8")
LIMITS = Limits()


def quoted(text: str) -> list[str]:
    return re.findall(r"`([^`]+)`", text)


@pytest.mark.parametrize("name", ["architecture", "plugins/index"])
def test_every_hook_is_in_the_table_and_no_other(name: str) -> None:
    document = (ROOT / "docs" / f"{name}.md").read_text(encoding="utf-8")
    documented = set(re.findall(r"^\| `(tilde_\w+)\(", document, re.MULTILINE))
    assert documented == {hook for hook in vars(spec) if hook.startswith("tilde_")}


def test_every_error_is_in_the_table() -> None:
    documented = [error for row in table_rows(GUIDE, "Errors") for error in quoted(row[0])]
    assert sorted([*documented, "TildeError"]) == sorted(tilde.exceptions.__all__)


def test_every_environment_variable_is_in_the_table() -> None:
    core = ROOT / "tilde_core/src/tilde_core"
    config = "".join(
        (core / file).read_text(encoding="utf-8") for file in ("config.py", "config_file.py", "network_config.py")
    )
    rows = [*table_rows(GUIDE, "Settings"), *[row for row in table_rows(NETWORKS, "Settings") if len(row) == 6]]
    documented = {name for row in rows for name in quoted(row[2])}
    assert documented == set(re.findall(r'"(TILDE_\w+)"', config))


def test_every_setting_of_networks_is_in_the_table() -> None:
    rows = [row for row in table_rows(NETWORKS, "Settings") if len(row) == 6]
    assert [quoted(row[1])[0] for row in rows] == list(NetworkArguments.__slots__)
    assert [quoted(row[3])[0] for row in rows] == list(NetworkArguments.__slots__)
    others = {name for row in rows for name in quoted(row[4])}
    source = (ROOT / "tilde_core/src/tilde_core/network_config.py").read_text(encoding="utf-8")
    assert others == set(re.findall(r'"((?!TILDE_|REQUEST_METHOD)[A-Z]+_[A-Z_]+)"', source))


def requirements(text: str, *keys: str) -> set[str]:
    """The names in the lists of these keys of a pyproject.toml, but for the project's own distributions."""
    lists = [re.search(rf"^{key} = (\[(?:.|\n)*?\])$", text, re.MULTILINE) for key in keys]
    entries = [entry for match in lists if match for entry in yaml.safe_load(match[1]) if isinstance(entry, str)]
    names = {re.split(r"[^\w-]", entry)[0] for entry in entries}
    return {name for name in names if not name.startswith("tilde-")}


def test_every_dependency_has_a_reason() -> None:
    packages = set.union(
        *(
            requirements(
                file.read_text(encoding="utf-8"), "dependencies", "testing", "keyring", "http2", "s3", "gcs", "requires"
            )
            for file in ROOT.glob("tilde_*/pyproject.toml")
        )
    )
    tools = requirements((ROOT / "pyproject.toml").read_text(encoding="utf-8"), "test", "dev", "docs")
    documented = {name for row in table_rows(ARCHITECTURE, "Dependencies") for name in quoted(" ".join(row[:-1]))}
    assert {name for name in documented if not name.startswith("tilde-")} == packages | tools | {"uv"}


def test_every_folder_in_the_table_is_there() -> None:
    section = ARCHITECTURE.partition("\n## Folders\n")[2].partition("\n## ")[0]
    tables = re.findall(r"(?:^In `(.+)`:\n\n)?((?:^\|.*\n)+)", section, re.MULTILINE)
    names = [(above, name) for above, rows in tables for row in rows.splitlines() for name in quoted(row.split("|")[1])]
    assert len(names) > 40
    assert [name for above, name in names if not (ROOT / above / name).exists()] == []


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: path.relative_to(ROOT).as_posix())
def test_nothing_of_ours_is_installed_by_name(document: Path) -> None:
    """In registries, these names belong to others."""
    text = document.read_text(encoding="utf-8")
    assert re.findall(r"(?:pip install|uv add|uv pip install)[^\n`]*[ \"']tilde[-_]\w+[^\n`]*", text) == []


@pytest.mark.parametrize("readme", sorted(ROOT.glob("tilde_*/README.md")), ids=lambda path: path.parent.name)
def test_readmes_of_packages_stand_by_themselves(readme: Path) -> None:
    """They are the description of the distribution, next to which there is no file that a link could lead to."""
    assert re.findall(r"\]\((?!https://)[^)]*\)", readme.read_text(encoding="utf-8")) == []


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: path.relative_to(ROOT).as_posix())
def test_links_to_headings_lead_somewhere(document: Path) -> None:
    text = document.read_text(encoding="utf-8")
    for target, anchor in re.findall(r"\]\(([^)#:]*)#([^)]+)\)", text):
        linked = document.parent / target if target else document
        headings = re.findall(r"^#+ (.*)$", linked.read_text(encoding="utf-8"), re.MULTILINE)
        assert anchor in [re.sub(r"[^\w -]", "", heading.lower()).replace(" ", "-") for heading in headings]


@pytest.mark.parametrize(
    "claim",
    [
        f"good for {UPLOAD_SECONDS // 60} minutes to upload and for {DOWNLOAD_SECONDS // 60} to download",
        f"API calls have at most {MAX_BODY_BYTES // 2**20} MiB",
        f"at most {MAX_METADATA_BYTES} bytes as JSON",
        f"Object paths have 1 to {MAX_PATH_BYTES} bytes",
        f"a prefix below which more than {MAX_PATHS} changed",
        f"Of a long output it is the last {TAIL_BYTES // 1024} KiB",
        f"| processor time | {LIMITS.cpu_seconds} s | one process |",
        f"| address space | {LIMITS.memory_bytes >> 30} GiB | one process |",
        f"| size of a file | {LIMITS.file_bytes >> 30} GiB | one file |",
        f"| processes and threads | {LIMITS.processes} | the sandbox |",
        f"| all that is written | {LIMITS.disk_bytes >> 30} GiB | the sandbox |",
        f"| files that are written | {LIMITS.files} | the sandbox |",
        f"| connections to the server | {CONNECTIONS} | the API, and the proxy |",
        f"kept in memory only, the newest {MOST_TOKENS} of each sandbox",
        f"A token is good for {Settings().token_seconds // 60} minutes",
        f"At most {Settings().at_once} sandboxes run at once",
        f"A log holds {Settings().output_bytes >> 30} GiB",
        f"They are kept for {LOG_DAYS} days",
    ],
)
def test_figures_of_the_local_server(claim: str) -> None:
    document = (ROOT / "docs/local-server.md").read_text(encoding="utf-8")
    assert claim in " ".join(document.split())


def test_what_the_local_server_prints_is_what_the_document_shows() -> None:
    document = (ROOT / "docs/local-server.md").read_text(encoding="utf-8")
    shown = re.findall(r"^export (\w+)=", document, re.MULTILINE)
    assert shown == re.findall(r"export (\w+)=", inspect.getsource(tilde_local.cli.serve))


def test_figures_of_uploads() -> None:
    text = " ".join(GUIDE.split())
    assert f"From {limits.MULTIPART_THRESHOLD // 2**20} MiB on" in text
    assert f"parts of at least {limits.PART_SIZE // 2**20} MiB" in text


def test_every_action_of_a_policy_is_in_the_table() -> None:
    document = (ROOT / "docs/local-server.md").read_text(encoding="utf-8")
    rows = re.findall(r"^\| (\w+) \| ([\w, ]*) \| .* \|$", document.partition("\n### Actions\n")[2], re.MULTILINE)
    documented = {name: tuple(arguments.split(", ")) if arguments else () for name, arguments in rows}
    documented = {name: arguments for name, arguments in documented.items() if name in ACTIONS}
    assert documented == {action.name: action.arguments for action in ACTIONS.values()}
