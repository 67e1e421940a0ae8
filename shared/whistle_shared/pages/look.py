"""How a reader wants to see pages, and what every page's answer carries: safe headers, cookies that remember the look.

INVARIANT: a page needs no inline script and no inline style, so its policy allows none.
INVARIANT: a form that changes something is accepted only from a page of this very origin.
"""

from dataclasses import dataclass
from datetime import timedelta
from typing import Any, Literal, get_args
from urllib.parse import parse_qs, urlencode

from fastapi import Request, Response
from fastapi.responses import HTMLResponse, RedirectResponse

from whistle_shared.web import require_own_page

Language = Literal["zh", "en"]
Theme = Literal["auto", "light", "dark"]
Type = Literal["normal", "large"]
LANGUAGES: tuple[Language, ...] = get_args(Language)
SOURCE: Language = "zh"
PAGE_HEADERS = {
    "Content-Security-Policy": (
        "default-src 'self'; script-src 'self'; style-src 'self'; object-src 'none'; base-uri 'none'; "
        "frame-ancestors 'none'; form-action 'self'"
    ),
    # Stricter, and browsers would send `Origin: null` with our own forms.
    "Referrer-Policy": "same-origin",
    # Where a report is, and where somebody reports in.
    "Permissions-Policy": "geolocation=(self), camera=(self), display-capture=(), microphone=(), payment=(), usb=()",
    "Cache-Control": "no-store",
}
_LASTING = timedelta(days=30)
_CHOICES: dict[str, tuple[str, ...]] = {"lang": LANGUAGES, "theme": get_args(Theme), "type": get_args(Type)}


@dataclass(frozen=True, slots=True)
class Look:
    """How a person wants to see pages. `mode` is `wall` on a video wall, else empty; it lives in the address only."""

    language: Language
    theme: Theme
    mode: str
    type: Type


def look_of(request: Request) -> Look:
    """From the address (`?lang=en&theme=dark&type=large&mode=wall`), else from cookies, else Chinese, the device's
    theme and type of normal size."""
    language: Any = _chosen(request, "lang", SOURCE)
    theme: Any = _chosen(request, "theme", "auto")
    size: Any = _chosen(request, "type", "normal")
    return Look(language, theme, "wall" if request.query_params.get("mode") == "wall" else "", size)


def _chosen(request: Request, what: str, default: str) -> str:
    asked = (request.query_params.get(what), request.cookies.get(_cookie(request, what)))
    return next((value for value in asked if value in _CHOICES[what]), default)


def page(request: Request, content: str, status: int = 200) -> Response:
    """A whole page; remembers the language and the theme that the address asked for."""
    return _remembering(request, HTMLResponse(content, status, PAGE_HEADERS))


def elsewhere(request: Request, path: str) -> Response:
    """To another page of this service; on the wall it stays the wall, and the look that was asked for stays too."""
    mode = look_of(request).mode
    more = f"{'&' if '?' in path else '?'}{urlencode({'mode': mode})}" if mode else ""
    return _remembering(request, RedirectResponse(path + more, 303, PAGE_HEADERS))


def _remembering(request: Request, answer: Response) -> Response:
    for what, values in _CHOICES.items():
        if request.query_params.get(what) in values:
            set_cookie(request, answer, _cookie(request, what), request.query_params[what], _LASTING)
    return answer


def _cookie(request: Request, what: str) -> str:
    """As `session_cookie`; what the eye likes is shared by the services of a host."""
    return f"{'__Host-' if request.url.scheme == 'https' else ''}whistle_{what}"


def set_cookie(request: Request, answer: Response, name: str, value: str, lasting: timedelta) -> None:
    """Give the browser something to keep; no script sees it. An empty value takes away what it has kept.

    Lax: links in messages and the way back from single sign-on are navigations from elsewhere; whatever changes
    something is checked by its Origin.
    """
    secure, seconds = request.url.scheme == "https", int(lasting.total_seconds()) if value else 0
    answer.set_cookie(name, value, max_age=seconds, httponly=True, secure=secure, samesite="lax")


async def form_of(request: Request) -> dict[str, str]:
    """The fields of a urlencoded form; of a repeated one the last, of anything else nothing.

    Raises Forbidden when it was not sent from a page of ours.
    """
    require_own_page(request)
    try:
        fields = parse_qs((await request.body()).decode(), keep_blank_values=True, max_num_fields=20)
    except ValueError:
        return {}
    return {name: values[-1] for name, values in fields.items()}
