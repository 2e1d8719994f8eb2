"""The server as an object: start it, use it, stop it."""

from __future__ import annotations

import os
import socket
import sqlite3
import tempfile
import threading
from contextlib import ExitStack
from pathlib import Path
from types import TracebackType
from typing import Any

import uvicorn
from uvicorn.protocols.http.h11_impl import H11Protocol

from tilde_local.app import build_app
from tilde_local.clock import Clock, utc_now
from tilde_local.data_directory import DataDirectory
from tilde_local.database import Database
from tilde_local.errors import DataDirectoryError
from tilde_local.services import Services
from tilde_local.signing import Signer
from tilde_local.store import cleanup, users

__all__ = ["Server"]

HOST = "127.0.0.1"
ADMIN = "local"
_START_SECONDS = 30


class Server:
    """A Tilde server on a loopback port, in a thread of this process.

        with tilde_local.Server() as server:
            client = tilde.Client(endpoint_url=server.endpoint_url, api_key=server.api_key)

    `data_dir` is created if missing and keeps everything across restarts; without it the data lives in a temporary
    directory until `stop()`. `port` 0 takes a free one. `clock` tells the time, for tests.
    """

    def __init__(
        self, data_dir: str | os.PathLike[str] | None = None, port: int = 0, *, clock: Clock = utc_now
    ) -> None:
        self._data_dir = data_dir
        self._port = port
        self._clock = clock
        self._running: ExitStack | None = None
        self._services: Services | None = None
        self._endpoint_url = ""
        self._api_key = ""

    def __repr__(self) -> str:
        return f"<tilde_local.Server {self._endpoint_url if self._running else '(stopped)'}>"

    @property
    def endpoint_url(self) -> str:
        """What `TILDE_ENDPOINT_URL` should be. Raises RuntimeError while the server is stopped."""
        self._require_services()
        return self._endpoint_url

    @property
    def api_key(self) -> str:
        """An API key of the user `local`, new at every start; earlier ones stay valid with the data directory."""
        self._require_services()
        return self._api_key

    @property
    def services(self) -> Services:
        """The database and the blobs below the API, for tests and benchmarks that fill them directly."""
        return self._require_services()

    def _require_services(self) -> Services:
        if self._services is None:
            raise RuntimeError("the server is not running: use `with Server() as server:` or call start()")
        return self._services

    def create_user(self, username: str) -> str:
        """Add a user; his API key, which is shown only now. Raises Conflict if the name is taken."""
        services = self._require_services()
        with services.database.write() as db:
            return users.mint_key(db, users.create_user(db, username, services.now()), services.now())

    def start(self) -> Server:
        """Open the data, bind the port and serve. Returns once requests are answered.

        Raises DataDirectoryError if another server uses the data directory, OSError if the port is taken.
        """
        if self._running is not None:
            raise RuntimeError("the server is running already")
        with ExitStack() as stack:
            listener = stack.enter_context(_bind(self._port))
            services = stack.enter_context(_Opened(self._data_dir, self._clock)).services
            cleanup.remove_abandoned(services.database, services.blobs, self._clock())
            self._api_key = _admin_key(services)
            stack.enter_context(_Serving(services, listener))
            self._endpoint_url = f"http://{HOST}:{listener.getsockname()[1]}"
            self._services = services
            self._running = stack.pop_all()
        return self

    def stop(self) -> None:
        """Answer what is being asked, then stop; a temporary data directory is removed. Twice is fine."""
        running, self._running, self._services = self._running, None, None
        if running is not None:
            running.close()

    def __enter__(self) -> Server:
        return self.start()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()


def _bind(port: int) -> socket.socket:
    """A listening socket on loopback. There is no way to ask for another interface."""
    # The protocol is spelled out because asyncio switches off Nagle's delays only on sockets that say TCP.
    listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    try:
        if os.name == "posix":
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind((HOST, port))
    except BaseException:
        listener.close()
        raise
    return listener


def _admin_key(services: Services) -> str:
    with services.database.write() as db:
        admin = users.find_by_name(db, ADMIN) or users.create_user(db, ADMIN, services.now())
        return users.mint_key(db, admin, services.now())


class _Opened:
    """A context in which a data directory, given or temporary, is open."""

    def __init__(self, path: str | os.PathLike[str] | None, clock: Clock) -> None:
        self._stack = ExitStack()
        with self._stack as stack:
            if path is None:
                path = stack.enter_context(tempfile.TemporaryDirectory(prefix="tilde-local-"))
            directory = DataDirectory(Path(path))
            stack.callback(directory.close)
            try:
                database = Database(directory.database)
            except sqlite3.DatabaseError as error:
                raise DataDirectoryError(f"cannot open {directory.database}: {error}") from error
            stack.callback(database.close)
            self.services = Services(database, directory.blobs, Signer(directory.secret(), clock), clock)
            self._stack = stack.pop_all()

    def __enter__(self) -> _Opened:
        return self

    def __exit__(self, *_: object) -> None:
        self._stack.close()


class _Protocol(H11Protocol):
    """HTTP without an access log: presigned URLs are credentials. Switched off here, because uvicorn's own setting
    would silence every other uvicorn server of the process as well."""

    def __init__(self, *arguments: Any, **named: Any) -> None:
        super().__init__(*arguments, **named)
        self.access_log = False


class _Serving(uvicorn.Server):
    """A context in which uvicorn serves in a thread."""

    def __init__(self, services: Services, listener: socket.socket) -> None:
        config = uvicorn.Config(
            build_app(services),
            http=_Protocol,
            lifespan="off",
            ws="none",
            log_config=None,
            server_header=False,
            proxy_headers=False,
            timeout_keep_alive=75,
            timeout_graceful_shutdown=3,
        )
        super().__init__(config)
        self._settled = threading.Event()
        self._thread = threading.Thread(target=self._run_here, args=(listener,), name="tilde-local", daemon=True)

    def _run_here(self, listener: socket.socket) -> None:
        try:
            self.run(sockets=[listener])
        finally:
            self._settled.set()

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Tell the starting thread that requests are answered from here on."""
        await super().startup(sockets)
        self._settled.set()

    def __enter__(self) -> _Serving:
        self._thread.start()
        if not self._settled.wait(_START_SECONDS) or not self.started:
            self.__exit__()
            raise RuntimeError("the HTTP server did not start; its log says why")
        return self

    def __exit__(self, *_: object) -> None:
        self.should_exit = True
        self._thread.join()
