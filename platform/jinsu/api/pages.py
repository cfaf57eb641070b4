"""The API's few pages for people, as HTML: one file each, no script, nothing from elsewhere. Pure."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Iterable, Mapping
from html import escape

from fastapi.responses import HTMLResponse

from jinsu.runs.text import clean

_STYLE = """
:root { color-scheme: light dark; --ink: #1c2430; --soft: #5b6675; --line: #d5dbe3; --page: #f4f6f9; --card: #fff;
  --act: #1d5fd1; --on: #fff; --bad: #b3261e }
@media (prefers-color-scheme: dark) { :root { --ink: #e6eaf0; --soft: #9aa6b5; --line: #37414e; --page: #12161c;
  --card: #1b2129; --act: #7aa9ff; --on: #0c1522; --bad: #ff8a80 } }
* { box-sizing: border-box }
body { margin: 0; min-height: 100vh; display: grid; place-items: center; padding: 1rem; background: var(--page);
  color: var(--ink); font: 16px/1.5 system-ui, sans-serif }
main { width: 100%; max-width: 26rem; padding: 2rem; background: var(--card); border: 1px solid var(--line);
  border-radius: 12px }
h1 { margin: 0 0 1rem; font-size: 1.35rem }
p { margin: 0 0 1rem; overflow-wrap: anywhere }
label { display: block; margin: 0 0 1rem; font-size: .9rem; color: var(--soft) }
input { display: block; width: 100%; margin-top: .25rem; padding: .6rem .7rem; font: inherit; color: var(--ink);
  background: var(--page); border: 1px solid var(--line); border-radius: 8px }
button, .button { display: block; width: 100%; margin: 0 0 .75rem; padding: .65rem 1rem; font: inherit; font-weight: 600;
  text-align: center; text-decoration: none; cursor: pointer; color: var(--on); background: var(--act);
  border: 1px solid var(--act); border-radius: 8px }
.quiet { color: var(--ink); background: none; border-color: var(--line) }
:focus-visible { outline: 3px solid var(--act); outline-offset: 2px }
a { color: var(--act) }
ul { margin: 0 0 1rem; padding-left: 1.2rem }
[role=alert] { color: var(--bad) }
.code { font: 600 1.8rem/1.2 ui-monospace, monospace; letter-spacing: .12em; text-align: center }
.soft { color: var(--soft); font-size: .9rem }
"""
_STYLE_DIGEST = base64.b64encode(hashlib.sha256(_STYLE.encode()).digest()).decode()


OTHERS_PAGE = {
    "content-security-policy": (
        "default-src 'none'; style-src 'unsafe-inline'; img-src 'self' data:; frame-ancestors 'none'; base-uri 'none'; "
        "form-action 'none'; sandbox allow-popups"
    ),
    "cache-control": "no-store",
    "cross-origin-resource-policy": "same-origin",
    "referrer-policy": "no-referrer",
    "x-content-type-options": "nosniff",
    "x-frame-options": "DENY",
}
"""Headers of a page that says what people and their data say: it runs no script, loads nothing from elsewhere, sends no
form, and is of no origin, so it can do nothing in the name of whoever looks at it."""


def page(
    title: str,
    *parts: str,
    status: int = 200,
    forms_reach: Iterable[str] = (),
    headers: Mapping[str, str] | None = None,
) -> HTMLResponse:
    """A page. parts: HTML, made by the functions below. forms_reach: origins to which a form's answer may redirect."""
    heading = escape(title)
    text = (
        '<!doctype html><html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f"<title>{heading} · Jinsu</title><style>{_STYLE}</style></head>"
        f"<body><main><h1>{heading}</h1>{''.join(parts)}</main></body></html>"
    )
    return HTMLResponse(text, status, {**_guards(forms_reach), **(headers or {})})


def paragraph(text: str, kind: str = "") -> str:
    """kind: "alert" for what went wrong, "code" for a code to compare, "soft" for small print."""
    mark = {"": "", "alert": ' role="alert"'}.get(kind, f' class="{kind}"')
    return f"<p{mark}>{escape(clean(text))}</p>"


def field(label: str, name: str, kind: str, completes: str, value: str = "", *, first: bool = False) -> str:
    """An input with its label. completes: what a browser or a password manager may fill in."""
    focus = " autofocus" if first else ""
    return (
        f'<label>{escape(label)}<input name="{name}" type="{kind}" autocomplete="{completes}" value="{escape(value)}" '
        f'autocapitalize="none" spellcheck="false" required{focus}></label>'
    )


def hidden(values: Mapping[str, str]) -> str:
    """Fields that a form carries along."""
    return "".join(f'<input type="hidden" name="{escape(k)}" value="{escape(v)}">' for k, v in values.items())


def button(text: str, name: str = "", value: str = "", *, quiet: bool = False) -> str:
    """A button that sends its form."""
    chosen = f' name="{name}" value="{value}"' if name else ""
    return f'<button type="submit"{chosen}{" class=quiet" if quiet else ""}>{escape(text)}</button>'


def form(action: str, *parts: str) -> str:
    """A form that is sent to a path of the API."""
    return f'<form method="post" action="{escape(action)}">{"".join(parts)}</form>'


def link(text: str, address: str, *, as_button: bool = False) -> str:
    """A link."""
    return f'<a {"class=button " if as_button else ""}href="{escape(address)}">{escape(text)}</a>'


def code(text: str) -> str:
    """Something to be typed."""
    return f"<code>{escape(text)}</code>"


def listed(items: Iterable[str]) -> str:
    """A list of links or other HTML."""
    return f"<ul>{''.join(f'<li>{item}</li>' for item in items)}</ul>"


def _guards(forms_reach: Iterable[str]) -> dict[str, str]:
    """Nothing is loaded, framed or kept. A same-origin referrer keeps the header Origin on forms."""
    reach = " ".join(["'self'", *sorted(forms_reach)])
    return {
        "content-security-policy": (
            f"default-src 'none'; style-src 'sha256-{_STYLE_DIGEST}'; form-action {reach}; "
            "frame-ancestors 'none'; base-uri 'none'"
        ),
        "cache-control": "no-store",
        "referrer-policy": "same-origin",
        "x-content-type-options": "nosniff",
        "x-frame-options": "DENY",
    }
