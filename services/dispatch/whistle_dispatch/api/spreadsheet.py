"""The district pack as one spreadsheet (.xlsx): a sheet for each of its tables, the head in row 1, every cell text.

INVARIANT: no cell we write is carried out as a formula, and none that we are given is: a formula is a mistake.
INVARIANT: what we are given is bounded before it is read: its size, its files, how far each unpacks, rows and columns.
"""

import io
import zipfile
from collections.abc import Iterator, Mapping, Sequence
from datetime import date, datetime
from typing import Any

from openpyxl import Workbook, load_workbook  # type: ignore[import-untyped]
from openpyxl.cell import WriteOnlyCell  # type: ignore[import-untyped]
from openpyxl.styles import Font  # type: ignore[import-untyped]

from whistle_dispatch.domain import SHEETS, Book, BookInvalid, Fault, Line

MEDIA_TYPE = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"
MOST_BYTES = 2 * 1024 * 1024
_MOST_FILES = 200
_MOST_UNPACKED = 32 * 1024 * 1024
_MOST_RATIO = 200
_SMALL = 64 * 1024
_MOST_ROWS = 20_000
_MOST_COLUMNS = 40
_LONGEST_CELL = 500
_TEXT = "@"
_WIDTHS = {"code": 12, "name_zh": 26, "name_en": 40, "assist": 20, "setting": 34, "value": 30, "categories": 30}


def written(book: Book) -> bytes:
    """The book as a file. Cells are text and marked so, whatever they begin with."""
    workbook = Workbook(write_only=True)
    for sheet, columns in SHEETS.items():
        page = workbook.create_sheet(sheet)
        page.freeze_panes = "A2"
        for place, column in enumerate(columns):
            page.column_dimensions[chr(ord("A") + place)].width = _WIDTHS.get(column, 14)
        page.append([_cell(page, column, bold=True) for column in columns])
        for line in book[sheet]:
            page.append([_cell(page, line.cells[column]) for column in columns])
    stored = io.BytesIO()
    workbook.save(stored)
    return stored.getvalue()


def _cell(page: Any, said: str, *, bold: bool = False) -> Any:
    """A cell of text: Excel takes a string cell with the quote prefix for nothing else."""
    cell = WriteOnlyCell(page, value=said)
    cell.data_type = "s"
    cell.number_format = _TEXT
    cell.quotePrefix = True
    if bold:
        cell.font = Font(bold=True)
    return cell


def read(data: bytes) -> Book:
    """What a file says. Raises BookInvalid: it is no spreadsheet, too large, lacks a sheet or a column, or holds what
    is no value."""
    _require_bounded(data)
    try:
        workbook = load_workbook(io.BytesIO(data), read_only=True, data_only=False, keep_links=False)
    except Exception:  # noqa: BLE001 - the library raises what its parts raise
        raise BookInvalid([Fault("", 0, "", "cannot be read as a spreadsheet (.xlsx)")]) from None
    faults: list[Fault] = []
    book: dict[str, tuple[Line, ...]] = {}
    try:
        for sheet, columns in SHEETS.items():
            if sheet in workbook.sheetnames:
                book[sheet] = tuple(_lines(sheet, columns, workbook[sheet], faults))
            else:
                faults.append(Fault(sheet, 0, "", "this sheet is missing"))
    except Exception:  # noqa: BLE001 - a damaged part shows only when its rows are read
        raise BookInvalid([Fault("", 0, "", "cannot be read as a spreadsheet (.xlsx)")]) from None
    finally:
        workbook.close()
    if faults:
        raise BookInvalid(faults)
    return book


def _require_bounded(data: bytes) -> None:
    """Raises BookInvalid for what would be large once unpacked, and for XML with a document type: it could refer to
    other files, or to itself."""
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            entries = archive.infolist()
            sizes = sum(entry.file_size for entry in entries)
            swollen = any(e.file_size > _SMALL and e.file_size > _MOST_RATIO * max(1, e.compress_size) for e in entries)
            if len(entries) > _MOST_FILES or sizes > _MOST_UNPACKED or swollen:
                raise BookInvalid([Fault("", 0, "", "is too large once it is unpacked")])
            strange = any(_is_strange(archive.read(entry)) for entry in entries)
    except (zipfile.BadZipFile, NotImplementedError, RuntimeError, EOFError, zipfile.zlib.error):  # type: ignore[attr-defined]
        raise BookInvalid([Fault("", 0, "", "cannot be read as a spreadsheet (.xlsx)")]) from None
    if strange:
        raise BookInvalid([Fault("", 0, "", "holds a document type, which no spreadsheet needs")])


def _is_strange(part: bytes) -> bool:
    return b"<!DOCTYPE" in part or b"<!ENTITY" in part or part[:2] in (b"\xff\xfe", b"\xfe\xff")


def _lines(sheet: str, columns: Sequence[str], page: Any, faults: list[Fault]) -> Iterator[Line]:
    """The rows of a sheet, blank ones passed over; the order of columns is free."""
    rows = page.iter_rows(max_row=_MOST_ROWS + 2, max_col=_MOST_COLUMNS)
    head = [_said(cell, sheet, 1, "", faults) for cell in next(rows, ())]
    if missing := [column for column in columns if column not in head]:
        faults += [Fault(sheet, 1, column, "this column is missing") for column in missing]
        return
    faults += [Fault(sheet, 1, name[:100], "is not a known column") for name in head if name and name not in columns]
    faults += [Fault(sheet, 1, name, "this column is there twice") for name in columns if head.count(name) > 1]
    at = {column: head.index(column) for column in columns}
    for row, cells in enumerate(rows, 2):
        if row > _MOST_ROWS + 1:
            faults.append(Fault(sheet, 0, "", f"has more than {_MOST_ROWS} rows"))
            return
        said: Mapping[str, str] = {
            column: _said(cells[place], sheet, row, column, faults) if place < len(cells) else ""
            for column, place in at.items()
        }
        if any(said.values()):
            yield Line(row, said)


def _said(cell: Any, sheet: str, row: int, column: str, faults: list[Fault]) -> str:
    value = cell.value
    if cell.data_type in ("f", "e"):
        faults.append(Fault(sheet, row, column, "is a formula or an error; write the value itself"))
        return ""
    match value:
        case None:
            return ""
        case bool():
            return "true" if value else "false"
        case datetime() | date():
            return value.strftime("%Y-%m-%d")
        case float() if value.is_integer():
            return str(int(value))
    said = str(value).strip()
    if len(said) > _LONGEST_CELL:
        faults.append(Fault(sheet, row, column, f"is longer than {_LONGEST_CELL} characters"))
        return ""
    return said
