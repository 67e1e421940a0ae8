"""The pack as a book of sheets: read back, changed row by row, wrong with its place, compared, and as a file."""

import io
import zipfile
from dataclasses import replace

import pytest
from openpyxl import Workbook, load_workbook  # type: ignore[import-untyped]

from support import paperwork
from whistle_dispatch import domain
from whistle_dispatch.api import spreadsheet
from whistle_dispatch.domain import Book, BookInvalid, Cells, Fault
from whistle_shared.errors import Invalid, NotFound
from whistle_shared.registry import Registry, registry_rows
from whistle_shared.web import said

PACK = paperwork.pack()
BOOK = domain.book_of(PACK)
GROUND = domain.ground_of(PACK.registry)
FEW: Book = {sheet: lines[:2] for sheet, lines in BOOK.items()}
NORMAL = ("appeal", "normal", "")


def wrong(book: Book) -> list[Fault]:
    with pytest.raises(BookInvalid) as refused:
        domain.pack_of(book, GROUND)
    return list(refused.value.faults)


def with_row(sheet: str, key: tuple[str, ...] | None, cells: Cells | None) -> Book:
    return domain.changed(BOOK, sheet, key, cells)[0]


def test_what_is_in_force_is_read_back_as_it_is() -> None:
    """INVARIANT: a book made of what is in force and read back is what is in force."""
    again = domain.pack_of(BOOK, GROUND)
    assert registry_rows(again.registry) == registry_rows(PACK.registry)
    plain = [[year.model_copy(update={"version": 0}) for year in pack.calendars] for pack in (again, PACK)]
    assert plain[0] == plain[1]


def test_a_row_is_changed_added_and_taken_out() -> None:
    other = domain.pack_of(with_row("policies", NORMAL, {"ack": "2h@work"}), GROUND)
    assert other.registry.policy_by_pair["appeal", "normal"].limits["ack"] == "2h@work"
    new, row = domain.changed(BOOK, "keywords", None, {"word": "塌方", "category": "0701", "weight": "2"})
    assert row == len(BOOK["keywords"]) + 2
    assert domain.pack_of(new, GROUND).registry.keywords[-1].weight == 2
    fewer = with_row("keywords", domain.key_of("keywords", BOOK["keywords"][0].cells), None)
    assert len(domain.pack_of(fewer, GROUND).registry.keywords) == len(BOOK["keywords"]) - 1


def test_a_year_of_the_calendar_is_changed() -> None:
    book = with_row("days", None, {"year": "2026", "date": "2026-11-25", "name": "区运动会", "off": "true"})
    (year,) = (year for year in domain.pack_of(book, GROUND).calendars if year.year == 2026)
    assert ("2026-11-25", True, "区运动会") in [(day.date, day.is_off_day, day.name) for day in year.days]


@pytest.mark.parametrize(
    ("sheet", "key", "cells", "expected"),
    [
        ("categories", ("0701",), {"lead": "XX"}, ("lead", "department XX is not in departments")),
        ("categories", ("0701",), {"name_zh": ""}, ("name_zh", "must be text that is not empty")),
        ("policies", NORMAL, {"resolve": ""}, ("resolve", "this clock must have a limit")),
        ("policies", NORMAL, {"presence": "none"}, ("presence", "a limit to arrive needs a presence other than none")),
        (
            "regulation",
            ("scoring.default",),
            {"value": "abc"},
            ("value", "'abc' is wrong: input should be a valid integer"),
        ),
        ("days", None, {"year": "2026", "date": "2026-13-01", "name": "x", "off": "true"}, ("date", None)),
        ("days", None, {"year": "1999", "date": "1999-01-01", "name": "x", "off": "true"}, ("year", None)),
        ("days", None, {"year": "2026", "date": "2026-11-25", "name": "x", "off": "maybe"}, ("off", None)),
        ("hours", ("windows",), {"value": "08:30-12:00;11:00-13:00"}, ("value", None)),
        ("hours", ("start_rule",), {"value": "never"}, ("value", None)),
        ("seasons", None, {"first": "06-01", "last": "05-01", "windows": "08:30-12:00;13:30-17:30"}, ("last", None)),
        ("keywords", None, {"word": "井\n盖", "category": "0701"}, ("word", "contains a control character (U+000A)")),
        ("people", None, {"organisation": "CGJ", "role": "nobody", "name": "王", "hours": "work"}, ("role", None)),
    ],
)
def test_a_mistake_has_its_sheet_its_row_and_its_column(
    sheet: str, key: tuple[str, ...] | None, cells: Cells, expected: tuple[str, str | None]
) -> None:
    """INVARIANT: what the rules of the pack refuse in a file they refuse in a sheet, and nothing else."""
    book, row = domain.changed(BOOK, sheet, key, cells)
    found = [fault for fault in wrong(book) if (fault.sheet, fault.row) == (sheet, row)]
    assert expected[0] in [fault.column for fault in found], wrong(book)
    assert expected[1] is None or expected[1] in [fault.reason for fault in found]
    assert all(said(fault.reason) != fault.reason for fault in found), found


def test_what_others_name_is_not_taken_out() -> None:
    found = wrong(with_row("departments", ("CGJ",), None))
    assert {fault.sheet for fault in found} >= {"categories", "people", "duties"}
    rows = {line.row: line.cells for line in BOOK["categories"]}
    named = [rows[fault.row] for fault in found if fault.sheet == "categories"]
    assert all("CGJ" in (cells["lead"], *cells["assist"].split(";")) for cells in named)


def test_rows_that_are_given_are_neither_added_nor_taken_out() -> None:
    for key, cells in (("returning.transfer_cap",), None), (None, {"setting": "a.b", "value": "1"}):
        with pytest.raises(Invalid, match="neither added nor taken out"):
            domain.changed(BOOK, "regulation", key, cells)
    with pytest.raises(Invalid, match="no column"):
        domain.changed(BOOK, "streets", ("S01",), {"colour": "red"})
    with pytest.raises(NotFound):
        domain.changed(BOOK, "streets", ("S99",), {})


def test_what_stands_twice_is_told_by_row() -> None:
    first = BOOK["streets"][0].cells
    (found,) = wrong(with_row("streets", None, first))
    assert found == Fault("streets", len(BOOK["streets"]) + 2, "code", f"{first['code']} is there already, in row 2")


# -- what a change does


MONTH = (
    domain.Duty("appeal", "normal", "0701", "lead", "CGJ", 7),
    domain.Duty("appeal", "normal", "0701", "assist", "PSGS", 5),
    domain.Duty("emergency", "critical", "0701", "lead", "GA", 3),
)


def test_another_limit_is_told_with_last_months_matters() -> None:
    after = domain.pack_of(with_row("policies", NORMAL, {"ack": "2h@work"}), GROUND)
    effect = domain.effect_of(PACK, after, MONTH)
    assert [(one.sheet, one.key, one.before, one.after) for one in effect.differences] == [
        ("policies", NORMAL, {"ack": "4h@work"}, {"ack": "2h@work"})
    ]
    assert [(one.role, one.clock, one.before, one.after, one.n) for one in effect.limits] == [
        ("lead", "ack", "4h@work", "2h@work", 7),
        ("assist", "ack", "4h@work", "2h@work", 5),
    ]
    assert (effect.matters, effect.touched) == (10, 7)


def test_another_route_is_told_with_last_months_matters() -> None:
    after = domain.pack_of(with_row("categories", ("0701",), {"lead": "GA", "assist": ""}), GROUND)
    effect = domain.effect_of(PACK, after, MONTH)
    assert [(one.category, one.after, one.n) for one in effect.routes] == [("0701", ("GA",), 10)]
    assert not effect.limits
    assert effect.touched == 10


def test_a_map_that_differs_is_told_by_grid() -> None:
    grids = tuple(grid.model_copy(update={"ground": None}) for grid in PACK.registry.grids)
    without = replace(PACK, registry=PACK.registry.model_copy(update={"grids": grids}))
    assert {one.sheet for one in domain.differences(PACK, without)} <= {domain.MAP}


def test_an_instance_that_serves_nobody_yet_is_not_named_by_hand() -> None:
    after = domain.pack_of(with_row("departments", ("CGJ",), {"instance": "elsewhere"}), GROUND)
    assert domain.unserved(PACK.registry, after.registry) == ["CGJ"]
    assert domain.unserved(PACK.registry, PACK.registry) == []
    assert domain.unserved(Registry(version=1), Registry(version=1)) == []


# -- the spreadsheet


def refused(data: bytes) -> list[Fault]:
    with pytest.raises(BookInvalid) as told:
        spreadsheet.read(data)
    return list(told.value.faults)


def test_the_file_that_is_written_is_read_as_the_same_book() -> None:
    assert spreadsheet.read(spreadsheet.written(BOOK)) == BOOK


def test_no_cell_is_a_formula() -> None:
    """INVARIANT: no cell we write is carried out as a formula."""
    evil = '=HYPERLINK("http://example.invalid","x")'
    written = spreadsheet.written({**FEW, "streets": (domain.Line(2, {**BOOK["streets"][0].cells, "name_en": evil}),)})
    cell = load_workbook(io.BytesIO(written))["streets"]["C2"]
    assert (cell.value, cell.data_type, cell.quotePrefix) == (evil, "s", True)
    assert spreadsheet.read(written)["streets"][0].cells["name_en"] == evil


def workbook(**cells: object) -> bytes:
    """The sample with other cells: `streets_C2=…`."""
    book = load_workbook(io.BytesIO(spreadsheet.written(FEW)))
    for place, value in cells.items():
        sheet, _, cell = place.partition("_")
        book[sheet][cell] = value
    stored = io.BytesIO()
    book.save(stored)
    return stored.getvalue()


def test_a_formula_is_a_mistake_and_numbers_are_read_as_they_are_meant() -> None:
    assert refused(workbook(streets_C2="=1+1")) == [
        Fault("streets", 2, "name_en", "is a formula or an error; write the value itself")
    ]
    read = spreadsheet.read(workbook(ladders_B2=1, departments_F2=True, keywords_C2=1.5))
    assert read["ladders"][0].cells["rung"] == "1"
    assert read["departments"][0].cells["active"] == "true"
    assert read["keywords"][0].cells["weight"] == "1.5"


def test_a_missing_sheet_or_column_is_told() -> None:
    book = load_workbook(io.BytesIO(spreadsheet.written(FEW)))
    del book["people"]
    book["streets"].delete_cols(2)
    stored = io.BytesIO()
    book.save(stored)
    assert refused(stored.getvalue()) == [
        Fault("people", 0, "", "this sheet is missing"),
        Fault("streets", 1, "name_zh", "this column is missing"),
    ]


def packed(**parts: bytes) -> bytes:
    stored = io.BytesIO()
    with zipfile.ZipFile(stored, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in parts.items():
            archive.writestr(name, content)
    return stored.getvalue()


def test_what_swells_or_refers_elsewhere_is_not_read() -> None:
    """INVARIANT: what we are given is bounded before it is read."""
    assert [fault.reason for fault in refused(packed(bomb=bytes(20_000_000)))] == ["is too large once it is unpacked"]
    many = packed(**{f"part{n}": b"x" for n in range(300)})
    assert [fault.reason for fault in refused(many)] == ["is too large once it is unpacked"]
    told = [fault.reason for fault in refused(packed(x=b'<!DOCTYPE a [<!ENTITY b "c">]><a>&b;</a>'))]
    assert told == ["holds a document type, which no spreadsheet needs"]
    for nonsense in (b"", b"PK\x03\x04", b"not a file", packed(x=b"y"), spreadsheet.written(FEW)[:2000]):
        assert [fault.reason for fault in refused(nonsense)] == ["cannot be read as a spreadsheet (.xlsx)"]


def test_a_sheet_without_end_is_cut_off() -> None:
    endless = Workbook(write_only=True)
    for sheet, columns in domain.SHEETS.items():
        page = endless.create_sheet(sheet)
        page.append(list(columns))
        if sheet == "keywords":
            for _ in range(20_002):
                page.append(["井盖", "0701", ""])
    stored = io.BytesIO()
    endless.save(stored)
    assert Fault("keywords", 0, "", "has more than 20000 rows") in refused(stored.getvalue())
