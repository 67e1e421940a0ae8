"""What the pages of every service share: safe headers, language and theme, cookies, templates in two languages.

INVARIANT: a page needs no inline script and no inline style, so its policy allows none.
INVARIANT: a form that changes something is accepted only from a page of this very origin.
"""

import gettext
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta
from functools import cached_property
from hashlib import sha256
from io import BytesIO
from pathlib import Path
from typing import Any, Literal, get_args
from urllib.parse import parse_qs, urlencode

from babel.messages.mofile import write_mo
from babel.messages.pofile import read_po
from fastapi import Request, Response
from fastapi.responses import HTMLResponse, RedirectResponse
from jinja2 import Environment, FileSystemLoader, StrictUndefined

from whistle_shared.auth import Forbidden

Language = Literal["zh", "en"]
Theme = Literal["auto", "light", "dark"]
LANGUAGES: tuple[Language, ...] = get_args(Language)
SOURCE: Language = "zh"
PAGE_HEADERS = {
    "Content-Security-Policy": (
        "default-src 'self'; script-src 'self'; style-src 'self'; object-src 'none'; base-uri 'none'; "
        "frame-ancestors 'none'; form-action 'self'"
    ),
    # Stricter, and browsers would send `Origin: null` with our own forms.
    "Referrer-Policy": "same-origin",
    "Cache-Control": "no-store",
}
_LASTING = timedelta(days=30)
_CHOICES: dict[str, tuple[str, ...]] = {"lang": LANGUAGES, "theme": get_args(Theme)}


@dataclass(frozen=True, slots=True)
class Look:
    """How a person wants to see pages. `mode` is `wall` on a video wall, else empty; it lives in the address only."""

    language: Language
    theme: Theme
    mode: str


def look_of(request: Request) -> Look:
    """From the address (`?lang=en&theme=dark&mode=wall`), else from cookies, else Chinese and the device's theme."""
    language: Any = _chosen(request, "lang", SOURCE)
    theme: Any = _chosen(request, "theme", "auto")
    return Look(language, theme, "wall" if request.query_params.get("mode") == "wall" else "")


def _chosen(request: Request, what: str, default: str) -> str:
    asked = (request.query_params.get(what), request.cookies.get(f"whistle_{what}"))
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
            set_cookie(request, answer, f"whistle_{what}", request.query_params[what], _LASTING)
    return answer


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
    if request.headers.get("origin") != f"{request.url.scheme}://{request.headers.get('host')}":
        raise Forbidden("this form can only be sent from its own page")
    try:
        fields = parse_qs((await request.body()).decode(), keep_blank_values=True, max_num_fields=20)
    except ValueError:
        return {}
    return {name: values[-1] for name, values in fields.items()}


def translations_from(catalogue: Path) -> gettext.NullTranslations:
    """A language's texts from its .po file; nothing is compiled ahead."""
    compiled = BytesIO()
    with catalogue.open("rb") as source:
        write_mo(compiled, read_po(source, locale=catalogue.stem, abort_invalid=True))
    compiled.seek(0)
    return gettext.GNUTranslations(compiled)


class Templates:
    """The templates of packages: `templates/`, with the texts of `locale/<language>.po`. What the first one does not
    have is looked for in the next."""

    def __init__(self, *packages: Path) -> None:
        self._packages = packages
        self.texts = {language: self._texts(language) for language in LANGUAGES}
        self._environments = {language: self._environment(language) for language in LANGUAGES}

    def _texts(self, language: Language) -> gettext.NullTranslations:
        texts = gettext.NullTranslations()
        if language != SOURCE:
            for package in self._packages:
                texts.add_fallback(translations_from(package / "locale" / f"{language}.po"))
        return texts

    def _environment(self, language: Language) -> Environment:
        environment = Environment(
            loader=FileSystemLoader([package / "templates" for package in self._packages]),
            autoescape=True,
            undefined=StrictUndefined,
            trim_blocks=True,
            lstrip_blocks=True,
            extensions=["jinja2.ext.i18n"],
        )
        environment.install_gettext_translations(self.texts[language], newstyle=True)  # type: ignore[attr-defined]
        environment.globals |= {"language": language, "build": self.build}
        return environment

    def render(self, language: Language, name: str, /, **context: Any) -> str:
        """One template in one language. A name it does not get is an error, not an empty place."""
        return self._environments[language].get_template(name).render(context)

    @cached_property
    def build(self) -> str:
        """A short name for exactly these templates, texts and static files: changes when a page would."""
        digest = sha256()
        for package in self._packages:
            for file in _files(package):
                digest.update(file.relative_to(package).as_posix().encode() + b"\0" + file.read_bytes())
        return digest.hexdigest()[:12]


def _files(package: Path) -> Iterator[Path]:
    for folder in ("templates", "locale", "static"):
        yield from sorted(file for file in (package / folder).rglob("*") if file.is_file())
