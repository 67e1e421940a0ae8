"""Templates in two languages, from packages: `templates/`, with the texts of `locale/<language>.po`."""

import gettext
from collections.abc import Iterator
from functools import cached_property
from hashlib import sha256
from io import BytesIO
from pathlib import Path
from typing import Any

from babel.messages.mofile import write_mo
from babel.messages.pofile import read_po
from jinja2 import Environment, FileSystemLoader, StrictUndefined

from whistle_shared.pages.assets import Assets
from whistle_shared.pages.look import LANGUAGES, SOURCE, Language


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

    def __init__(self, *packages: Path, assets: Assets) -> None:
        self._packages = packages
        self._assets = assets
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
        environment.globals |= {"language": language, "build": self.build, "asset": self._assets.address}
        return environment

    def render(self, language: Language, name: str, /, **context: Any) -> str:
        """One template in one language. A name it does not get is an error, not an empty place."""
        return self._environments[language].get_template(name).render(context)

    @cached_property
    def build(self) -> str:
        """A short name for exactly these templates, texts and files of the kit: changes when a page would."""
        digest = sha256(self._assets.build.encode())
        for package in self._packages:
            for file in _files(package):
                digest.update(file.relative_to(package).as_posix().encode() + b"\0" + file.read_bytes())
        return digest.hexdigest()[:12]


def _files(package: Path) -> Iterator[Path]:
    for folder in ("templates", "locale"):
        yield from sorted(file for file in (package / folder).rglob("*") if file.is_file())
