"""Reads a file of messages (`id, author, subject, created_at, body`; CSV, also gzipped), as an importer must: files of
real life carry rows without text, control characters and the encodings of spreadsheet programs.
"""

import csv
import gzip
import io
import unicodedata
import zlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

COLUMNS = ("id", "author", "subject", "created_at", "body")
_GZIP = b"\x1f\x8b"
_LONGEST_CELL = 16 * 1024 * 1024


class BadFile(Exception):
    """The file cannot be used; the message says why and names the column where one is at fault."""


@dataclass(frozen=True, slots=True)
class Message:
    """One citizen's message, cleaned. Subject or body may be empty, not both."""

    id: str
    subject: str
    body: str


def read(file: Path) -> tuple[list[Message], list[str]]:
    """The messages, and for each row that had to be left out its line and the reason. Raises BadFile."""
    csv.field_size_limit(_LONGEST_CELL)
    messages: list[Message] = []
    skipped: list[str] = []
    reader = csv.DictReader(io.StringIO(_text(file), newline=""))
    _require_columns(file, reader.fieldnames or ())
    try:
        for row in reader:
            message = Message(*(clean(row[name] or "") for name in ("id", "subject", "body")))
            reason = _fault(message)
            if reason:
                skipped.append(f"line {reader.line_num}: {reason}")
            else:
                messages.append(message)
    except csv.Error as error:
        raise BadFile(f"{file}, line {reader.line_num}: {error}") from error
    if not messages:
        raise BadFile(f"{file} holds no message")
    return messages, skipped


def clean(text: str) -> str:
    """Without what cannot be stored or seen: NUL and other control characters, lone surrogates, outer blanks. A text
    without one visible character becomes empty."""
    lines = text.replace("\r\n", "\n").replace("\r", "\n")
    kept = "".join(ch for ch in lines if ch in "\n\t" or unicodedata.category(ch) not in ("Cc", "Cs"))
    return kept.strip() if any(ch.isprintable() and not ch.isspace() for ch in kept) else ""


def _fault(message: Message) -> str | None:
    if not message.id:
        return "no id"
    return None if message.subject or message.body else "neither subject nor body"


def _require_columns(file: Path, found: Sequence[str]) -> None:
    missing = [name for name in COLUMNS if name not in found]
    if missing:
        raise BadFile(f"{file}: column {missing[0]!r} is missing; needed are {', '.join(COLUMNS)}")


def _text(file: Path) -> str:
    """The file's text: UTF-8, or GB 18030 as spreadsheet programs write it."""
    data = _bytes(file)
    for encoding in ("utf-8-sig", "gb18030"):
        try:
            return data.decode(encoding)
        except UnicodeDecodeError:
            continue
    raise BadFile(f"{file} is text neither in UTF-8 nor in GB 18030")


def _bytes(file: Path) -> bytes:
    """What the file says of itself, not its name, tells whether it is compressed."""
    try:
        data = file.read_bytes()
        return gzip.decompress(data) if data.startswith(_GZIP) else data
    except (OSError, EOFError, zlib.error) as error:
        raise BadFile(f"{file} cannot be read: {error}") from error
