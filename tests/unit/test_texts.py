"""Every page's words in both languages, its icons and its colours: the entrance's, and those of services with pages."""

import re
from pathlib import Path

import pytest
from babel.messages.catalog import Catalog, Message
from babel.messages.extract import extract_from_dir
from babel.messages.frontend import parse_mapping_cfg
from babel.messages.pofile import read_po

from support.places import ENTRANCE, package

PACKAGES = [ENTRANCE, package("escalation")]
KEYWORDS = {"gettext": None, "ngettext": (1, 2), "mark": None}
CHINESE = re.compile(r"[\u4e00-\u9fff]")
each_package = pytest.mark.parametrize("at", PACKAGES, ids=lambda at: at.name)


def catalogue(at: Path) -> Catalog:
    with (at / "locale" / "en.po").open("rb") as file:
        return read_po(file, locale="en", abort_invalid=True)


def texts_in_use(at: Path) -> set[str | tuple[str, ...]]:
    """Every text that code and templates mark for translation, as pybabel with locale/babel.cfg finds it."""
    with (at / "locale" / "babel.cfg").open() as file:
        methods, options = parse_mapping_cfg(file)  # type: ignore[no-untyped-call]
    return {entry[2] for entry in extract_from_dir(at, methods, options, KEYWORDS)}


@each_package
def test_no_translation_is_missing_unsure_or_left_over(at: Path) -> None:
    messages = {message.id: message for message in catalogue(at) if message.id}
    assert set(messages) == texts_in_use(at)
    assert not [message.id for message in messages.values() if message.fuzzy or not _complete(message)]
    assert not catalogue(at).obsolete


def _complete(message: Message) -> bool:
    forms = _forms(message)
    return all(forms) and len(forms) == (2 if isinstance(message.id, tuple) else 1)


def _forms(message: Message) -> tuple[str, ...]:
    return (message.string,) if isinstance(message.string, str) else tuple(message.string or ())


@each_package
def test_translations_fill_in_the_same_names(at: Path) -> None:
    names = re.compile(r"%\((\w+)\)s")
    for message in catalogue(at):
        ids = (message.id,) if isinstance(message.id, str) else message.id
        *singular, whole = _forms(message)
        assert sorted(names.findall(whole)) == sorted(names.findall(ids[0])), message.id
        assert all(set(names.findall(text)) <= set(names.findall(ids[0])) for text in singular), message.id


@each_package
def test_no_chinese_text_stands_outside_a_translation(at: Path) -> None:
    """What is written between tags, or in an attribute, in Chinese and not marked would stay Chinese in English."""
    marked = re.compile(r"n?gettext\((?:[^()]|\([^()]*\))*\)|\{#.*?#\}|中文", re.DOTALL)
    for template in (at / "templates").glob("*.html"):
        rest = marked.sub("", template.read_text("utf-8"))
        assert not CHINESE.search(rest), (template.name, CHINESE.search(rest))


def test_every_icon_in_use_is_drawn() -> None:
    sprite = (ENTRANCE / "static" / "icons.svg").read_text("utf-8")
    drawn = set(re.findall(r'<symbol id="([\w-]+)"', sprite))
    named = re.compile(r'icon\("([\w-]+)"\)|"\w+": "([a-z-]+)"|"(clock|hourglass|hourglass-low|sun|moon|device)"\)')
    used = {
        next(filter(None, found))
        for at in PACKAGES
        for file in (at / "templates").glob("*.html")
        for found in named.findall(file.read_text("utf-8"))
    }
    assert used == drawn


@pytest.mark.parametrize("sheet", ["pages.css", "dark.css"])
def test_text_stands_out_from_its_ground(sheet: str) -> None:
    """WCAG 2.2 AA: 4.5 : 1 for every pair of tokens that meet. Source: PAGES, table of tokens."""
    colours = dict(re.findall(r"--([\w-]+): (#[0-9a-f]{3,6})", (ENTRANCE / "static" / sheet).read_text("utf-8")))
    pairs = [(name, f"{name}-text") for name in colours if f"{name}-text" in colours]
    pairs += [
        (ground, ink) for ground in ("page", "surface") for ink in ("text", "muted", "link", "late-ink", "met-ink")
    ]
    assert len(pairs) >= 19
    low = {pair: _contrast(*(colours[name] for name in pair)) for pair in pairs}
    assert not {pair: value for pair, value in low.items() if value < 4.5}


def _contrast(one: str, other: str) -> float:
    lighter, darker = sorted((_luminance(one), _luminance(other)), reverse=True)
    return (lighter + 0.05) / (darker + 0.05)


def _luminance(colour: str) -> float:
    digits = colour[1:] if len(colour) == 7 else "".join(2 * digit for digit in colour[1:])
    channels = [int(digits[i : i + 2], 16) / 255 for i in (0, 2, 4)]
    linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in channels]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]
