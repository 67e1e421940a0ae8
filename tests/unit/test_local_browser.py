"""Where the browser of the browser tests comes from."""

import os
import subprocess
from pathlib import Path

import pytest

from whistle_local import StackError, browser


@pytest.fixture
def bare(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A project on a machine without any Chromium, where nothing may be installed."""
    monkeypatch.delenv("WHISTLE_CHROMIUM", raising=False)
    monkeypatch.setattr(browser, "INSTALLED", ())
    monkeypatch.setattr(browser, "NAMES", ())
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    monkeypatch.setattr(browser, "_node", lambda draft: ("node", ["npm"]))
    monkeypatch.setattr(browser, "_unpack_browser", unpack_browser)
    monkeypatch.setattr(browser, "_unpack_font", unpack_font)
    return tmp_path


def program(file: Path, script: str) -> None:
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(f"#!/bin/sh\n{script}\n")
    file.chmod(0o755)


def unpack_browser(draft: Path, node: str, npm: list[str]) -> None:
    program(draft / "browser" / "program", 'echo "Chromium 1.0 $FONTCONFIG_FILE $LD_LIBRARY_PATH"')


def unpack_font(draft: Path, into: Path) -> None:
    into.mkdir(parents=True, exist_ok=True)
    (into / "chinese.otf").write_bytes(b"glyphs")


def break_off(*_: object) -> None:
    raise StackError("the registry is away")


def test_an_unpacked_chromium_starts_with_its_libraries_and_fonts(bare: Path) -> None:
    found = browser.ensure_chromium(bare)
    assert found == bare / ".local" / "browser" / "chromium"
    said = subprocess.run([found, "--version"], capture_output=True, text=True, check=True).stdout
    assert str(bare / ".local/browser/fonts.conf") in said
    assert str(bare / ".local/browser/lib") in said
    assert browser.find_chromium(bare) == found


def test_a_broken_off_unpacking_leaves_nothing(bare: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """INVARIANT: `.local/browser/chromium` is complete or absent, and starts."""
    monkeypatch.setattr(browser, "_unpack_font", break_off)
    with pytest.raises(StackError, match="away"):
        browser.ensure_chromium(bare)
    assert not list((bare / ".local").iterdir())
    assert browser.find_chromium(bare) is None


def test_an_unpacked_chromium_that_does_not_start_is_said(bare: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(
        browser, "_unpack_browser", lambda draft, node, npm: program(draft / "browser" / "program", "exit 1")
    )
    with pytest.raises(StackError, match="does not start"):
        browser.ensure_chromium(bare)


def test_an_installed_placeholder_is_no_chromium(bare: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Ubuntu's chromium-browser only says how to install the real one."""
    program(bare / "bin" / "chromium-browser", 'echo "install the snap" >&2; exit 1')
    program(bare / "bin" / "google-chrome", 'echo "Google Chrome 1.0"')
    monkeypatch.setenv("PATH", f"{bare / 'bin'}{os.pathsep}{os.environ['PATH']}")
    monkeypatch.setattr(browser, "NAMES", ("chromium-browser", "google-chrome"))
    assert browser.find_chromium(bare) == bare / "bin" / "google-chrome"


def test_a_named_chromium_wins_or_is_complained_about(bare: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    program(bare / "mine", "exit 0")
    monkeypatch.setenv("WHISTLE_CHROMIUM", str(bare / "mine"))
    assert browser.find_chromium(bare) == bare / "mine"
    monkeypatch.setenv("WHISTLE_CHROMIUM", str(bare / "absent"))
    with pytest.raises(StackError, match="WHISTLE_CHROMIUM"):
        browser.find_chromium(bare)


def test_a_chinese_font_is_fetched_once_and_found_beside_the_machines_own(
    bare: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    told = browser.with_chinese_font(bare)
    monkeypatch.setattr(browser, "_unpack_font", break_off)
    assert browser.with_chinese_font(bare) == told
    assert (bare / ".local/fonts/chinese.otf").exists()
    configuration = Path(told["FONTCONFIG_FILE"]).read_text()
    assert str(bare / ".local/fonts") in configuration
    assert "/etc/fonts/fonts.conf" in configuration


def test_a_broken_off_font_leaves_nothing(bare: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(browser, "_unpack_font", break_off)
    with pytest.raises(StackError, match="away"):
        browser.with_chinese_font(bare)
    assert not list((bare / ".local").iterdir())
