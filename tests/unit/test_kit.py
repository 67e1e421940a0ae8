"""What browsers get is made of the kit and the templates: what is used, and nothing that the pages' policy bars."""

import re
import shutil
from pathlib import Path

import pytest

from support.places import ROOT
from whistle_local import StackError, kit, node

PAGE = """<html data-bs-theme="{{ look.theme }}"><body class="card">
{{ icon("clock" if line.state == "late" else 'star-filled') }}
<select class="form-select"></select>{{ chip(icon="checks") }}</body></html>"""


@pytest.fixture(scope="module")
def tree(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A tree with the true kit, without the map, and one page."""
    tree = tmp_path_factory.mktemp("tree")
    shutil.copytree(ROOT / "shared" / "kit", tree / "shared" / "kit")
    for entry in (tree / "shared" / "kit" / "js").glob("*.js"):
        entry.write_text('import htmx from "htmx.org";\nhtmx.config.history = false;' if entry.stem == "pages" else "")
    (tree / "shared" / "kit" / "icons.txt").write_text("# from Python\nmap-pin-check\nwhistle\n")
    (tree / "shared" / "kit" / "css" / "own.css").write_text(".chosen-in-python { color: var(--tblr-orange-lt) }")
    page(tree).parent.mkdir(parents=True)
    page(tree).write_text(PAGE)
    return tree


@pytest.fixture(autouse=True)
def packages_of_the_project(monkeypatch: pytest.MonkeyPatch) -> None:
    folder = kit.kit_packages(ROOT)
    monkeypatch.setattr(kit, "kit_packages", lambda project: folder)


def page(tree: Path) -> Path:
    return tree / "services" / "duty" / "whistle_duty" / "templates" / "page.html"


def made(tree: Path) -> dict[str, bytes]:
    return {file.name: file.read_bytes() for file in (tree / "shared/whistle_shared/pages/static").iterdir()}


def one(files: dict[str, bytes], pattern: str) -> str:
    (name,) = (name for name in files if re.fullmatch(pattern, name))
    return files[name].decode()


def test_the_style_sheet_has_what_pages_use_in_both_themes_and_what_is_ours(tree: Path) -> None:
    kit.build(tree)
    css = one(made(tree), r"pages-\w+\.css")
    assert ".form-select" in css
    assert ".card" in css
    assert ".chosen-in-python" in css
    assert "--tblr-orange-lt:" in css
    assert re.search(r"data-bs-theme=\"?dark", css)
    assert ".carousel" not in css
    assert len(css) < 100_000


def test_no_picture_stands_in_the_style_sheet_itself(tree: Path) -> None:
    """INVARIANT: the pages' policy allows no data: addresses."""
    kit.build(tree)
    files = made(tree)
    css = one(files, r"pages-\w+\.css")
    assert "data:" not in css
    pictures = re.findall(r"url\(\"?([^\")]+)", css)
    assert pictures
    assert all(files[picture].startswith(b"<svg") for picture in pictures)


def test_the_sprite_has_the_icons_that_are_named(tree: Path) -> None:
    kit.build(tree)
    sprite = one(made(tree), r"icons-\w+\.svg")
    names = re.findall(r'<symbol id="([^"]+)" viewBox="0 0 24 24" fill="(\w+)"', sprite)
    outlined = [("checks", "none"), ("clock", "none"), ("map-pin-check", "none")]
    assert names == [*outlined, ("star-filled", "currentColor"), ("whistle", "none")]


def test_the_same_sources_give_the_same_bytes(tree: Path) -> None:
    """INVARIANT."""
    kit.build(tree)
    before = made(tree)
    shutil.rmtree(tree / "shared/whistle_shared/pages/static")
    kit.build(tree)
    assert made(tree) == before


def test_what_has_not_changed_is_not_built_anew(tree: Path, capfd: pytest.CaptureFixture[str]) -> None:
    kit.build(tree)
    capfd.readouterr()
    kit.build(tree)
    assert capfd.readouterr().out == ""
    page(tree).write_text(PAGE.replace('"card"', '"card badge"'))
    kit.build(tree)
    assert "pages.css" in capfd.readouterr().out
    assert ".badge" in one(made(tree), r"pages-\w+\.css")
    page(tree).write_text(PAGE)


def test_an_icon_that_nobody_has_drawn_fails_the_build_and_changes_nothing(tree: Path) -> None:
    """INVARIANT."""
    kit.build(tree)
    before = made(tree)
    page(tree).write_text('{{ icon("no-such-thing") }}')
    with pytest.raises(StackError, match=r"no such icon.*\n +no-such-thing +\(services/duty/.*/page\.html\)"):
        kit.build(tree)
    assert made(tree) == before
    page(tree).write_text(PAGE)


def test_npm_that_cannot_fetch_says_what_to_do(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("npm_config_registry", "http://127.0.0.1:9/")
    monkeypatch.setenv("npm_config_fetch_retry_mintimeout", "1")
    monkeypatch.setenv("npm_config_cache", str(tmp_path / "cache"))
    with pytest.raises(StackError, match=r"(?s)package-lock\.json.*npm config set registry.*ECONNREFUSED"):
        node.packages(ROOT / "shared" / "kit", tmp_path, "kit", 60)
    assert [file.name for file in tmp_path.glob("kit*")] == ["kit.lock"]


def test_npm_that_takes_too_long_is_given_up(tmp_path: Path) -> None:
    """INVARIANT: a folder of packages is complete or absent, and belongs to exactly one lock file's content."""
    with pytest.raises(StackError, match="no answer within 0 s"):
        node.packages(ROOT / "shared" / "kit", tmp_path, "kit", 0.01)
    assert [file.name for file in tmp_path.glob("kit*")] == ["kit.lock"]
