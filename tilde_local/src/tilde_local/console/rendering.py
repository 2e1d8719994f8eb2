"""Templates, and the headers of every page."""

from __future__ import annotations

from functools import cache
from importlib import resources
from typing import Any

import jinja2
from starlette.responses import Response

from tilde_local.clock import parse_stamp

__all__ = ["redirect", "render", "stylesheet"]

# No script, nothing from elsewhere, in no frame. The referrer stays: without it browsers send `Origin: null`, which the
# guard refuses.
_HEADERS = {
    "Content-Security-Policy": (
        "default-src 'none'; style-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
    ),
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "same-origin",
    "Cache-Control": "no-store",
}


def _visible(text: str) -> str:
    """`text` without characters that a reader does not see, or that change the order of others: they are spelled out.

    What is approved must be what was read.
    """
    return "".join(c if c.isprintable() or c in "\n\t" else f"\\u{ord(c):04x}" for c in text)


def _moment(stamp: str) -> str:
    return parse_stamp(stamp).strftime("%Y-%m-%d %H:%M UTC")


def _first_line(text: str) -> str:
    return text.strip().partition("\n")[0]


def _other_lines(text: str) -> str:
    return text.strip().partition("\n")[2].strip()


@cache
def _environment() -> jinja2.Environment:
    environment = jinja2.Environment(
        loader=jinja2.PackageLoader("tilde_local.console"),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters.update(first_line=_first_line, other_lines=_other_lines, visible=_visible, moment=_moment)
    return environment


def render(template: str, status: int = 200, **values: Any) -> Response:
    """A page."""
    text = _environment().get_template(f"{template}.html").render(values)
    return Response(text, status, _HEADERS, media_type="text/html")


def redirect(path: str) -> Response:
    """Go on at another page of the console, with GET."""
    return Response(status_code=303, headers={**_HEADERS, "Location": path})


def stylesheet() -> Response:
    """What all pages look like."""
    text = resources.files("tilde_local.console").joinpath("style.css").read_text("utf-8")
    return Response(text, headers={**_HEADERS, "Cache-Control": "max-age=300"}, media_type="text/css")
