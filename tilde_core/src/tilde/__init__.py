"""Python SDK for Tilde: versioned object storage and sandboxes.

    import tilde
    repo = tilde.repository("my-team/my-data")

Names are loaded when they are first used: `import tilde` reads no setting, opens nothing and is quick.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from tilde import exceptions, models, plugins
    from tilde_core.client import Client
    from tilde_core.default_client import configure, organizations, repository
    from tilde_core.http import Timeout
    from tilde_core.version import __version__

__all__ = [
    "Client",
    "Timeout",
    "__version__",
    "configure",
    "exceptions",
    "models",
    "organizations",
    "plugins",
    "repository",
]

_HOMES = {
    "Client": "tilde_core.client",
    "Timeout": "tilde_core.http",
    "__version__": "tilde_core.version",
    "configure": "tilde_core.default_client",
    "organizations": "tilde_core.default_client",
    "repository": "tilde_core.default_client",
}
_MODULES = frozenset({"exceptions", "models", "plugins"})


if not TYPE_CHECKING:  # a type checker must go on to refuse names that are not there

    def __getattr__(name: str) -> Any:
        if name in _MODULES:
            return import_module(f"tilde.{name}")
        if name not in _HOMES:
            raise AttributeError(f"module 'tilde' has no attribute {name!r}")
        value = getattr(import_module(_HOMES[name]), name)
        globals()[name] = value
        return value


def __dir__() -> list[str]:
    return __all__
