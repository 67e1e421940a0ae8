"""Every page's words in both languages, in every package that has any; and the colours of the style sheet."""

import re
from pathlib import Path

import pytest
from babel.messages.catalog import Message

from contract.texts import catalogue, packages, texts_in_use
from support.places import ROOT

CHINESE = re.compile(r"[\u4e00-\u9fff]")
each_package = pytest.mark.parametrize("at", packages(), ids=lambda at: at.name)


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
    for template in (at / "templates").rglob("*.html"):
        rest = marked.sub("", template.read_text("utf-8"))
        assert not CHINESE.search(rest), (template.name, CHINESE.search(rest))


def tokens(theme: str) -> dict[str, str]:
    """Name → colour, as the style sheet gives them to this theme."""
    sheet = (ROOT / "shared" / "kit" / "css" / "1-tokens.css").read_text("utf-8")
    rules = {"light": r"^:root \{(.*?)^\}", "dark": r"^\[data-bs-theme=\"dark\"\] \{(.*?)^\}"}
    found = re.search(rules[theme], sheet, re.DOTALL | re.MULTILINE)
    assert found
    return dict(re.findall(r"--([\w-]+): (#[0-9a-f]{6})", found[1]))


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_text_stands_out_from_its_ground(theme: str) -> None:
    """WCAG 2.2 AA: 4.5 : 1 for every pair of tokens that meet, 3 : 1 for the edges of fields."""
    colours = tokens(theme)
    pairs = [(name, f"{name}-text", 4.5) for name in colours if f"{name}-text" in colours]
    for ground in ("page", "surface"):
        pairs += [(ground, ink, 4.5) for ink in ("ink", "muted", "link", "late-ink", "met-ink", "nearly-text")]
        pairs.append((ground, "field", 3.0))
    assert len(pairs) >= 24
    low = {pair[:2]: _contrast(colours[pair[0]], colours[pair[1]]) for pair in pairs}
    assert not {pair[:2]: low[pair[:2]] for pair in pairs if low[pair[:2]] < pair[2]}


def _contrast(one: str, other: str) -> float:
    lighter, darker = sorted((_luminance(one), _luminance(other)), reverse=True)
    return (lighter + 0.05) / (darker + 0.05)


def _luminance(colour: str) -> float:
    digits = colour[1:] if len(colour) == 7 else "".join(2 * digit for digit in colour[1:])
    channels = [int(digits[i : i + 2], 16) / 255 for i in (0, 2, 4)]
    linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in channels]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


@each_package
def test_no_panel_that_many_share_shows_photos(at: Path) -> None:
    """INVARIANT: photos stand in a fragment of their own: their addresses are made for one person."""
    templates = {file.name: file.read_text("utf-8") for file in (at / "templates").rglob("*.html")}
    panels = {f"_{name}.html" for text in templates.values() for name in re.findall(r'panel\(frame, "(\w+)"', text)}
    assert not [name for name in panels & templates.keys() if "gallery(" in templates[name]]
