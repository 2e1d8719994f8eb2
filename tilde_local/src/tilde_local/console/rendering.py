"""Templates, and the headers of every page."""

from __future__ import annotations

from functools import cache
from importlib import resources
from typing import Any

import jinja2
from starlette.responses import Response

from tilde_local.clock import parse_stamp

__all__ = ["ALONE", "FRAMED", "FRAMING", "page_headers", "redirect", "render", "stylesheet", "text_of", "visible"]

# No script, nothing from elsewhere. The referrer stays: without it browsers send `Origin: null`, which the guard
# refuses.
_POLICY = "default-src 'none'; style-src 'self'; form-action 'self'; base-uri 'none'; "
# In no frame; in a frame of the console itself; with such a frame in it.
ALONE, FRAMED = f"{_POLICY}frame-ancestors 'none'", f"{_POLICY}frame-ancestors 'self'"
FRAMING = f"{ALONE}; frame-src 'self'"


def page_headers(policy: str = ALONE) -> dict[str, str]:
    """The headers of a page. `policy` is what it may load, and where it may be shown."""
    return {
        "Content-Security-Policy": policy,
        "X-Content-Type-Options": "nosniff",
        "Referrer-Policy": "same-origin",
        "Cache-Control": "no-store",
    }


def visible(text: str) -> str:
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
    environment.filters.update(first_line=_first_line, other_lines=_other_lines, visible=visible, moment=_moment)
    return environment


def text_of(template: str, **values: Any) -> str:
    """A template, filled in."""
    return _environment().get_template(f"{template}.html").render(values)


def render(template: str, status: int = 200, policy: str = ALONE, **values: Any) -> Response:
    """A page."""
    return Response(text_of(template, **values), status, page_headers(policy), media_type="text/html")


def redirect(path: str) -> Response:
    """Go on at another page of the console, with GET."""
    return Response(status_code=303, headers={**page_headers(), "Location": path})


def stylesheet() -> Response:
    """What all pages look like."""
    text = resources.files("tilde_local.console").joinpath("style.css").read_text("utf-8")
    return Response(text, headers={**page_headers(), "Cache-Control": "max-age=300"}, media_type="text/css")
