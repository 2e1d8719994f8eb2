"""An embedded Tilde server on SQLite and files, for laptops, tests and CI.

    with tilde_local.Server() as server:
        print(server.endpoint_url)

Importing this package is cheap: the server's own dependencies are loaded when `Server` is first used, because
pytest imports the package in every run of every project that has it installed.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from tilde_local.server import Server

__all__ = ["Server", "__version__"]

__version__ = "0.1.0"


def __getattr__(name: str) -> Any:
    if name == "Server":
        from tilde_local.server import Server

        return Server
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
