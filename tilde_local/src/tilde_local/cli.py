"""The command `tilde-local`."""

from __future__ import annotations

import argparse
import signal
import sys
import threading
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tilde_local.sandboxes.settings import Settings

__all__ = ["main"]

RUNNERS = ("auto", "namespaces", "docker", "plain")


def port_number(text: str) -> int:
    """`text` as a port. Raises ArgumentTypeError or ValueError, which argparse explains."""
    port = int(text)
    if not 0 <= port <= 65535:
        raise argparse.ArgumentTypeError(f"{port} is not a port number")
    return port


def positive(text: str) -> int:
    """`text` as a number of at least 1. Raises ArgumentTypeError or ValueError, which argparse explains."""
    number = int(text)
    if number < 1:
        raise argparse.ArgumentTypeError(f"{number} is less than 1")
    return number


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="tilde-local", description="An embedded Tilde server for this machine.")
    commands = parser.add_subparsers(dest="command", required=True)
    serve = commands.add_parser("serve", help="serve until interrupted; prints what to export")
    serve.add_argument("--port", type=port_number, default=0, help="port on 127.0.0.1 (default: a free one)")
    serve.add_argument("--data-dir", type=Path, help="where to keep the data (default: temporary, removed at the end)")
    _add_sandbox_options(serve.add_argument_group("sandboxes"))
    return parser


def _add_sandbox_options(group: argparse._ArgumentGroup) -> None:
    group.add_argument("--runner", choices=RUNNERS, default=RUNNERS[0], help="how they are isolated (default: auto)")
    group.add_argument("--sandbox-memory", type=positive, metavar="MIB", help="memory of one process (default: 4096)")
    group.add_argument("--sandbox-disk", type=positive, metavar="MIB", help="all that one writes (default: 1024)")
    group.add_argument("--sandbox-seconds", type=positive, metavar="N", help="how long one may run (default: 86400)")
    group.add_argument("--sandboxes", type=positive, metavar="N", help="how many run at once (default: 16)")
    group.add_argument(
        "--sandbox-host",
        action="append",
        default=[],
        metavar="HOST",
        help="let them reach a host: example.org, *.example.com, 10.0.0.1:8080 or *; may be given again",
    )


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command; the exit status."""
    options = _parser().parse_args(arguments)
    from tilde_local.errors import StartError

    try:
        return serve(options)
    except (StartError, OSError, ValueError) as error:
        sys.stderr.write(f"tilde-local: {error}\n")
        return 1


def serve(options: argparse.Namespace) -> int:
    """Serve until SIGINT or SIGTERM. Standard output gets two lines that a shell can evaluate, and nothing else."""
    from tilde_local.server import Server

    stopped = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: stopped.set())
    data_dir: Path | None = options.data_dir
    with Server(data_dir, options.port, runner=options.runner, sandboxes=_settings(options)) as server:
        sys.stdout.write(f"export TILDE_ENDPOINT_URL={server.endpoint_url}\n")
        sys.stdout.write(f"export TILDE_API_KEY={server.api_key}\n")
        sys.stdout.flush()
        kept = f"in {data_dir.absolute()}" if data_dir else "temporary: use --data-dir to keep it"
        sys.stderr.write(f"Serving; the data is {kept}. Press Ctrl-C to stop.\n")
        sys.stderr.write(f"Console: {server.console_url} (log in with the API key)\n")
        sys.stderr.write(f"Sandboxes: {server.isolation}\n")
        stopped.wait()
    return 0


def _settings(options: argparse.Namespace) -> Settings:
    """What was asked for; the defaults for the rest."""
    from tilde_local.runner.base import Limits
    from tilde_local.sandboxes.settings import Settings

    limits = {"memory_bytes": options.sandbox_memory, "disk_bytes": options.sandbox_disk}
    rest = {"max_seconds": options.sandbox_seconds, "at_once": options.sandboxes}
    return Settings(
        limits=Limits(**{name: mebibytes << 20 for name, mebibytes in limits.items() if mebibytes is not None}),
        hosts=tuple(options.sandbox_host),
        **{name: number for name, number in rest.items() if number is not None},
    )
