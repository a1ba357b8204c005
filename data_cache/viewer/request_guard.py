"""Who may ask the viewer: only a page of its own address that knows the token.

The server listens on this machine only, but other users and every web page in the browser can reach that too: the
token keeps out users and programs, the Host header keeps out pages that rebind their name to 127.0.0.1, the Origin
header keeps out requests that other pages send.
"""

from __future__ import annotations

import hmac
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping
    from email.message import Message

# No script, style or picture from elsewhere, no form, no frame around the page; data: for the page's icon.
HEADERS: Mapping[str, str] = {
    "Content-Security-Policy": "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:;"
    " connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
    "X-Content-Type-Options": "nosniff",
    "Cache-Control": "no-store",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
}


def is_own_host(headers: Message, port: int) -> bool:
    """Whether the request names this server: one Host header, 127.0.0.1 or localhost with its port."""
    hosts = headers.get_all("Host", [])
    return len(hosts) == 1 and hosts[0].strip().lower() in (f"127.0.0.1:{port}", f"localhost:{port}")


def is_own_origin(headers: Message, port: int) -> bool:
    """Whether the request comes from a page of this server, or from no page."""
    own = (f"http://127.0.0.1:{port}", f"http://localhost:{port}")
    return all(origin.strip().lower() in own for origin in headers.get_all("Origin", []))


def path_behind_token(path: str, token: str) -> str | None:
    """Return what follows the token in a request's path, `/…`; None without the token. Takes the same time for all."""
    given, slash, rest = path.removeprefix("/").partition("/")
    same = hmac.compare_digest(given.encode("utf-8", "replace"), token.encode())
    return slash + rest if same and path.startswith("/") else None
