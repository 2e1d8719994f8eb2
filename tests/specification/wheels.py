"""The wheels of what users install, without a registry.

Those of this project are built from the checkout; those of others are packed anew from what is installed here.
"""

from __future__ import annotations

import base64
import csv
import hashlib
import io
import os
import subprocess
import sys
import zipfile
from importlib.metadata import Distribution, distribution
from pathlib import Path

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

__all__ = ["ROOT", "build_wheels"]

ROOT = Path(__file__).parents[2]
OURS = {
    "tilde-sdk": ROOT,
    "tilde-core": ROOT / "tilde_core",
    "tilde-transport-httpx": ROOT / "tilde_transport_httpx",
    "tilde-auth-sandbox": ROOT / "tilde_auth_sandbox",
}


def needed_by(name: str, found: dict[str, Distribution]) -> dict[str, Distribution]:
    """The distributions that `name` needs here, and those that they need."""
    for text in distribution(name).requires or ():
        requirement = Requirement(text)
        key = canonicalize_name(requirement.name)
        if key not in found and (requirement.marker is None or requirement.marker.evaluate({"extra": ""})):
            found[key] = distribution(key)
            needed_by(key, found)
    return found


def pack(installed: Distribution, folder: Path) -> None:
    """Write the wheel that an installed distribution may have come from."""
    tag = (installed.read_text("WHEEL") or "").partition("\nTag: ")[2].split()[0]
    name = canonicalize_name(installed.metadata["Name"]).replace("-", "_")
    record = io.StringIO()
    with zipfile.ZipFile(folder / f"{name}-{installed.version}-{tag}.whl", "w") as wheel:
        for file in installed.files or ():
            if file.parts[0] == ".." or file.suffix == ".pyc" or file.name in ("RECORD", "INSTALLER", "REQUESTED"):
                continue
            content = Path(str(file.locate())).read_bytes()
            digest = base64.urlsafe_b64encode(hashlib.sha256(content).digest()).rstrip(b"=").decode()
            csv.writer(record).writerow([file.as_posix(), f"sha256={digest}", len(content)])
            wheel.writestr(file.as_posix(), content)
        (information,) = {file.parts[0] for file in installed.files or () if file.parts[0].endswith(".dist-info")}
        csv.writer(record).writerow([f"{information}/RECORD", "", ""])
        wheel.writestr(f"{information}/RECORD", record.getvalue())


def build_wheels(folder: Path) -> None:
    """Write the wheels of the distribution that users install, and of all that it needs."""
    for project in OURS.values():
        build = [sys.executable, "-m", "hatchling", "build", "--target", "wheel", "--directory", os.fspath(folder)]
        subprocess.run(build, cwd=project, check=True, capture_output=True)
    for name, installed in needed_by("tilde-sdk", {}).items():
        if name not in OURS:
            pack(installed, folder)
