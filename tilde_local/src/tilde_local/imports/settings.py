"""What a connector is given: where it reads, and how it gets in there. All of it is checked here."""

from __future__ import annotations

import re
from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, NamedTuple
from urllib.parse import urlsplit

import msgspec

from tilde_local.errors import BadRequest

__all__ = ["GcsConfig", "Place", "S3Config", "Settings", "check", "restore"]

_URI = re.compile(r"(?P<scheme>s3|gs)://(?P<bucket>[A-Za-z0-9][A-Za-z0-9._-]{1,221})(?:/(?P<prefix>.*))?", re.DOTALL)
_REGION = re.compile(r"[a-z0-9-]{1,40}")
_SCHEMES = {"s3": "s3", "gcs": "gs"}
# The contract has more types of connectors than this server.
_ELSEWHERE = frozenset({"git", "google_drive"})
_ACCOUNT_KEYS = ("client_email", "private_key", "token_uri")
# A key file without it means Google's own.
_TOKEN_URI = "https://oauth2.googleapis.com/token"


class S3Config(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The `config` of a connector of type `s3`. It shows nothing of itself."""

    access_key_id: str = ""
    secret_access_key: str = ""
    session_token: str = ""
    region: str = ""
    endpoint_url: str = ""
    anonymous: bool = False
    force_path_style: bool = False

    def __repr__(self) -> str:
        return "S3Config(***)"

    def check(self) -> None:
        """Raise BadRequest, which names the key, for a value that cannot be."""
        _check_credentials(self, ("access_key_id", "secret_access_key"), ("session_token",))
        if self.region and not _REGION.fullmatch(self.region):
            raise BadRequest("config.region: expected the name of a region, such as 'us-west-2'")
        _check_endpoint(self.endpoint_url)

    @property
    def secrets(self) -> tuple[str, ...]:
        """What must not get into a message."""
        return self.access_key_id, self.secret_access_key, self.session_token


class GcsConfig(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The `config` of a connector of type `gcs`. It shows nothing of itself."""

    credentials_json: str = ""
    project_id: str = ""
    endpoint_url: str = ""
    anonymous: bool = False

    def __repr__(self) -> str:
        return "GcsConfig(***)"

    def check(self) -> None:
        """Raise BadRequest, which names the key, for a value that cannot be."""
        _check_credentials(self, ("credentials_json",), ())
        if self.credentials_json:
            self.account()
        _check_endpoint(self.endpoint_url)

    def account(self) -> dict[str, str]:
        """The key of a service account. Raises BadRequest if it is another JSON, or none.

        Other kinds of credentials may name files and programs of the machine that they are used on.
        """
        try:
            found = msgspec.json.decode(self.credentials_json, type=dict[str, Any])
        except msgspec.DecodeError:
            raise BadRequest("config.credentials_json: expected the JSON of a key file") from None
        if found.get("type") != "service_account":
            raise BadRequest(
                'config.credentials_json: expected the key of a service account ("type": "service_account")'
            )
        account = {"token_uri": _TOKEN_URI, **{name: found[name] for name in _ACCOUNT_KEYS if name in found}}
        for name in _ACCOUNT_KEYS:
            if not isinstance(account.get(name), str) or not account[name]:
                raise BadRequest(f"config.credentials_json: {name!r} is missing in it")
        return account

    @property
    def secrets(self) -> tuple[str, ...]:
        """What must not get into a message."""
        return self.credentials_json, self.account()["private_key"] if self.credentials_json else ""


_CONFIGS: Mapping[str, type[S3Config] | type[GcsConfig]] = MappingProxyType({"s3": S3Config, "gcs": GcsConfig})


class Place(NamedTuple):
    """Where a connector reads: what begins with `prefix` in a bucket. A prefix ends with a slash, or is empty."""

    uri: str
    bucket: str
    prefix: str

    def uri_of(self, key: str) -> str:
        """The URI of an object in the bucket."""
        return f"{self.uri.partition('://')[0]}://{self.bucket}/{key}"


class Settings(NamedTuple):
    """All that it takes to read from a source outside."""

    type: str
    place: Place
    config: S3Config | GcsConfig

    @property
    def stored(self) -> str:
        """The config as text, to be encrypted."""
        return msgspec.json.encode(self.config).decode()


def check(kind: str, source_uri: str, config: Mapping[str, Any]) -> Settings:
    """The settings of a connector, if they can be. Raises BadRequest that names what is wrong, and shows no value."""
    if kind in _ELSEWHERE:
        raise BadRequest(
            f"type: this server has no connectors of type {kind!r}, only {' and '.join(_CONFIGS)}",
            code="unsupported_connector_type",
        )
    if kind not in _CONFIGS:
        raise BadRequest(f"type: expected one of {', '.join(_CONFIGS)}, got {kind!r}")
    place = _place(kind, source_uri)
    try:
        found = msgspec.convert(config, type=_CONFIGS[kind])
    except msgspec.ValidationError as error:
        known = ", ".join(field.name for field in msgspec.structs.fields(_CONFIGS[kind]))
        message = str(error).replace("`", "'")
        raise BadRequest(f"config: {message[:1].lower()}{message[1:]}; its keys are {known}") from None
    found.check()
    return Settings(kind, place, found)


def restore(kind: str, source_uri: str, stored: str) -> Settings:
    """The settings that were stored."""
    return Settings(kind, _place(kind, source_uri), msgspec.json.decode(stored, type=_CONFIGS[kind]))


def _place(kind: str, source_uri: str) -> Place:
    found = _URI.fullmatch(source_uri)
    if found is None or found["scheme"] != _SCHEMES[kind]:
        raise BadRequest(f"source_uri: expected {_SCHEMES[kind]}://bucket/prefix/")
    prefix = found["prefix"] or ""
    return Place(source_uri, found["bucket"], prefix if not prefix or prefix.endswith("/") else f"{prefix}/")


def _check_credentials(config: S3Config | GcsConfig, needed: tuple[str, ...], more: tuple[str, ...]) -> None:
    """Never without both or either: else the credentials of the machine that the server runs on would be taken."""
    for name in needed:
        if not config.anonymous and not getattr(config, name):
            raise BadRequest(f"config.{name}: required, unless 'anonymous' is true")
    for name in (*needed, *more):
        if config.anonymous and getattr(config, name):
            raise BadRequest(f"config.{name}: cannot be given if 'anonymous' is true")


def _check_endpoint(url: str) -> None:
    if not url:
        return
    try:
        parts = urlsplit(url)
        wrong = parts.scheme not in ("http", "https") or not parts.hostname or bool(parts.username or parts.query)
    except ValueError:
        wrong = True
    if wrong:
        raise BadRequest("config.endpoint_url: expected http(s)://host, without credentials or a query")
