"""The command `tilde-local`."""

from __future__ import annotations

import argparse
import signal
import sys
import threading
from collections.abc import Sequence
from pathlib import Path

__all__ = ["main"]


def port_number(text: str) -> int:
    """`text` as a port. Raises ArgumentTypeError or ValueError, which argparse explains."""
    port = int(text)
    if not 0 <= port <= 65535:
        raise argparse.ArgumentTypeError(f"{port} is not a port number")
    return port


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="tilde-local", description="An embedded Tilde server for this machine.")
    commands = parser.add_subparsers(dest="command", required=True)
    serve = commands.add_parser("serve", help="serve until interrupted; prints what to export")
    serve.add_argument("--port", type=port_number, default=0, help="port on 127.0.0.1 (default: a free one)")
    serve.add_argument("--data-dir", type=Path, help="where to keep the data (default: temporary, removed at the end)")
    return parser


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command; the exit status."""
    options = _parser().parse_args(arguments)
    from tilde_local.errors import StartError

    try:
        return serve(options.data_dir, options.port)
    except (StartError, OSError) as error:
        sys.stderr.write(f"tilde-local: {error}\n")
        return 1


def serve(data_dir: Path | None, port: int) -> int:
    """Serve until SIGINT or SIGTERM. Standard output gets two lines that a shell can evaluate, and nothing else."""
    from tilde_local.server import Server

    stopped = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: stopped.set())
    with Server(data_dir, port) as server:
        sys.stdout.write(f"export TILDE_ENDPOINT_URL={server.endpoint_url}\n")
        sys.stdout.write(f"export TILDE_API_KEY={server.api_key}\n")
        sys.stdout.flush()
        kept = f"in {data_dir.absolute()}" if data_dir else "temporary: use --data-dir to keep it"
        sys.stderr.write(f"Serving; the data is {kept}. Press Ctrl-C to stop.\n")
        sys.stderr.write(f"Console: {server.console_url} (log in with the API key)\n")
        stopped.wait()
    return 0
