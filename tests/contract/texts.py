"""Writes every `locale/en.po` anew from the texts that code and templates mark.

`python tests/contract/texts.py [pages intake …]`: all packages, or those that are named.

Translations are kept, wherever their text has moved; one that is missing is left empty and named at the end.
"""

import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from babel.messages.catalog import Catalog, Message
from babel.messages.extract import extract_from_dir
from babel.messages.frontend import parse_mapping_cfg
from babel.messages.pofile import read_po, write_po

ROOT = Path(__file__).resolve().parents[2]
KEYWORDS = {"gettext": None, "ngettext": (1, 2), "mark": None}
Id = str | tuple[str, ...]


def packages() -> list[Path]:
    """Every package with texts of its own."""
    return sorted(found.parents[1] for part in ("shared", "services") for found in (ROOT / part).rglob("babel.cfg"))


def catalogue(package: Path) -> Catalog:
    """A package's English as it is written down; an empty one where there is none yet."""
    file = package / "locale" / "en.po"
    if not file.exists():
        return Catalog(locale="en")
    with file.open("rb") as source:
        return read_po(source, locale="en", abort_invalid=True)


def texts_in_use(package: Path) -> set[Id]:
    """Every text that code and templates mark for translation, as `locale/babel.cfg` finds it."""
    with (package / "locale" / "babel.cfg").open() as file:
        methods, options = parse_mapping_cfg(file)  # type: ignore[no-untyped-call]
    return {entry[2] for entry in extract_from_dir(package, methods, options, KEYWORDS)}


def _known() -> Mapping[Any, Any]:
    return {message.id: message.string for at in packages() for message in catalogue(at) if message.id}


def _header(package: Path) -> str:
    return (
        f"# The texts of {package.name} in English. The source is Chinese: a msgid is what a Chinese reader sees.\n"
        'msgid ""\nmsgstr ""\n"Language: en\\n"\n"Plural-Forms: nplurals=2; plural=(n != 1);\\n"\n'
        '"Content-Type: text/plain; charset=utf-8\\n"\n\n'
    )


def main() -> int:
    """Writes those packages that are named, or all. Returns 1 when a translation is missing."""
    known, missing = dict(_known()), 0
    for package in packages():
        if sys.argv[1:] and package.name.removeprefix("whistle_") not in sys.argv[1:]:
            continue
        fresh = Catalog(locale="en", fuzzy=False)
        for text in sorted(texts_in_use(package), key=lambda text: text if isinstance(text, str) else text[0]):
            empty = "" if isinstance(text, str) else ("", "")
            string = known.get(text) or empty
            fresh[text] = Message(text, string, flags={"python-format"} if "%(" in str(text) else ())
            if not all([string] if isinstance(string, str) else string):
                missing += 1
                print(f"{package.name}: {text}")
        with (package / "locale" / "en.po").open("wb") as file:
            file.write(_header(package).encode())
            write_po(file, fresh, width=0, no_location=True, omit_header=True)
    return min(missing, 1)


if __name__ == "__main__":
    sys.exit(main())
