"""The keys of a process: older ones still open and verify, and nothing serves two purposes."""

import os
from pathlib import Path

import pytest

from whistle_ctl.keys import put_on_top
from whistle_shared.keyring import Keyring, Unreadable, new_key


def test_what_was_sealed_for_one_purpose_opens_for_no_other() -> None:
    """INVARIANT: what was sealed for one purpose opens for no other."""
    keys = Keyring(new_key())
    sealed = keys.seal(b"plain", "this")
    assert keys.open(sealed, "this") == b"plain"
    with pytest.raises(Unreadable):
        keys.open(sealed, "that")
    assert not keys.is_tag(keys.tag(b"plain", "this"), b"plain", "that")


def test_a_new_line_on_top_changes_nothing_that_was_done_before() -> None:
    old, new = new_key(), new_key()
    before, after = Keyring(old), Keyring(new, old)
    assert after.open(before.seal(b"plain", "x"), "x") == b"plain"
    assert after.is_tag(before.tag(b"said", "x"), b"said", "x")
    assert after.tags(b"said", "x") == [after.tag(b"said", "x"), before.tag(b"said", "x")]
    assert before.tags(b"said", "x") == [before.tag(b"said", "x")]
    with pytest.raises(Unreadable):
        before.open(after.seal(b"plain", "x"), "x")


def test_a_key_lasts_once_it_is_in_its_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """INVARIANT: a key that was in a key file stays in it, also through a power failure."""
    file, synced = tmp_path / "intake.keys", []
    fsync = os.fsync

    def noted(handle: int) -> None:
        synced.append((Path(f"/proc/self/fd/{handle}").readlink(), file.exists()))
        fsync(handle)

    monkeypatch.setattr(os, "fsync", noted)
    assert put_on_top(file) == 1
    assert synced == [(tmp_path / "intake.keys.new", False), (tmp_path, True)]
    first = file.read_text("utf-8")
    assert put_on_top(file) == 2
    assert file.read_text("utf-8").endswith(first)
