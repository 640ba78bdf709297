"""A sentence in little Markdown becomes a page for a frame: it runs nothing, loads nothing and links nowhere."""

import base64
import hashlib
import re
from html import escape

from starlette.responses import HTMLResponse, Response

_STYLE = """
:root { color-scheme: light; font: 14px/1.5 system-ui, sans-serif; }
:root.dark { color-scheme: dark; }
body { margin: 0; padding: 0.75rem 1.5rem; overflow-wrap: anywhere; color: #141414; background: #f8fafc; }
.dark body { color: #f8fafc; background: #141414; }
p { margin: 0 0 0.75rem; }
p:last-child { margin: 0; }
code { font-family: ui-monospace, monospace; }
"""
_HASH = base64.b64encode(hashlib.sha256(_STYLE.encode()).digest()).decode()
_HEADERS = {
    "Content-Security-Policy": f"default-src 'none'; style-src 'sha256-{_HASH}'; base-uri 'none'; form-action 'none';"
    " frame-ancestors 'self'; sandbox allow-same-origin",
    "X-Frame-Options": "SAMEORIGIN",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cache-Control": "no-store",
}
"""No script runs in this sandbox; the same origin lets the UI measure the page and make its frame as high."""
_WARNING = (
    "<p><em>The words below come from the link that opened this page. Whoever made the link chose them: "
    "they are not Changegate's.</em></p>"
)
_STRONG = re.compile(r"\*\*([^*\n]+)\*\*")
_CODE = re.compile(r"`([^`\n]+)`")
_BETWEEN = re.compile(r"\n[ \t]*\n\s*")


def shown(words: str, theme: str, *, framed: bool) -> Response:
    """Strong words, code and paragraphs are marked; every other sign stands there as it was written.

    Outside a frame anybody may have made the link, and the page says so first.
    """
    kind = "dark" if theme == "dark" else "light"
    paragraphs = "".join(f"<p>{_marked(each)}</p>" for each in _BETWEEN.split(words.strip()) if each)
    page = (
        f'<!doctype html>\n<html lang="en" class="{kind}"><head><meta charset="utf-8"><title>Words</title>'
        f"<style>{_STYLE}</style></head><body><main>{'' if framed else _WARNING}{paragraphs}</main></body></html>\n"
    )
    return HTMLResponse(page, headers=_HEADERS)


def _marked(paragraph: str) -> str:
    """Signs of HTML are gone before a mark becomes one."""
    plain = escape(paragraph.replace("\r", "")).replace("\n", "<br>")
    return _CODE.sub(r"<code>\1</code>", _STRONG.sub(r"<strong>\1</strong>", plain))
