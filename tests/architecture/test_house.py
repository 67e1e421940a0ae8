"""The house's rules that import-linter cannot see (HOUSE.md sections 1, 2 and 4)."""

import ast
import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

from support.places import ROOT, SERVICES, package

_PRODUCT = ("shared", "services", "deploy")
_BANNED = {"utils", "helpers", "common", "misc", "base", "manager", "service"}
_REQUIRED = {
    "__init__",
    "__main__",
    "app",
    "api",
    "consumers",
    "commands",
    "queries",
    "store",
    "tables",
    "domain",
    "settings",
}
_OPTIONAL = {"pages", "timers", "measures", "ledger", "notices"}
_FOLDERS = {"templates", "migrations", "locale", "static"}
_LONGEST_FILE, _LONGEST_FUNCTION = 400, 60
_CLOCKS = {("datetime", "now"), ("datetime", "utcnow"), ("datetime", "today"), ("date", "today"), ("time", "time")}


@cache
def files(*tops: str) -> list[Path]:
    """Every Python file of ours under these folders."""
    found = (path for top in tops for path in (ROOT / top).rglob("*.py"))
    return sorted(path for path in found if not {".venv", ".local", "node_modules"} & set(path.parts))


@cache
def tree(path: Path) -> ast.Module:
    return ast.parse(path.read_text("utf-8"))


def within(path: Path, *folder: str) -> bool:
    return path.is_relative_to(ROOT.joinpath(*folder))


def calls(path: Path) -> Iterator[ast.Call]:
    return (node for node in ast.walk(tree(path)) if isinstance(node, ast.Call))


def place(path: Path, line: int) -> str:
    return f"{path.relative_to(ROOT)}:{line}"


def test_only_the_unit_commits() -> None:
    found = [
        place(path, call.lineno)
        for path in files(*_PRODUCT)
        for call in calls(path)
        if isinstance(call.func, ast.Attribute)
        and call.func.attr == "commit"
        and not within(path, "shared", "whistle_shared", "db")
    ]
    assert not found


def test_only_the_time_source_reads_a_clock() -> None:
    found = [
        place(path, call.lineno)
        for path in files(*_PRODUCT)
        for call in calls(path)
        if _reads_clock(call) and not within(path, "shared", "whistle_shared", "timesource")
    ]
    assert not found


def _reads_clock(call: ast.Call) -> bool:
    """`datetime.now()`, `datetime.datetime.now()`, `time.time()`… by the last two names of what is called."""
    if not isinstance(call.func, ast.Attribute):
        return False
    owner = call.func.value
    name = owner.id if isinstance(owner, ast.Name) else owner.attr if isinstance(owner, ast.Attribute) else ""
    return (name, call.func.attr) in _CLOCKS


def test_nobody_imports_a_clock_by_its_bare_name() -> None:
    found = [
        place(path, node.lineno)
        for path in files(*_PRODUCT)
        for node in ast.walk(tree(path))
        if isinstance(node, ast.ImportFrom)
        and node.module == "time"
        and {"time", "time_ns"} & {a.name for a in node.names}
    ]
    assert not found


@pytest.mark.parametrize("tops", [_PRODUCT, ("tests",)], ids=["product", "tests"])
def test_no_file_is_too_long(tops: tuple[str, ...]) -> None:
    lengths = {path.relative_to(ROOT): len(path.read_text("utf-8").splitlines()) for path in files(*tops)}
    assert {str(path): n for path, n in lengths.items() if n > _LONGEST_FILE} == {}


@pytest.mark.parametrize("tops", [_PRODUCT, ("tests",)], ids=["product", "tests"])
def test_no_function_is_too_long(tops: tuple[str, ...]) -> None:
    found = [
        f"{place(path, node.lineno)} {node.name} {_length(node)}"
        for path in files(*tops)
        if "migrations" not in path.parts
        for node in ast.walk(tree(path))
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and _length(node) > _LONGEST_FUNCTION
    ]
    assert not found


def _length(node: ast.FunctionDef | ast.AsyncFunctionDef) -> int:
    return (node.end_lineno or node.lineno) - node.lineno + 1


def test_no_file_has_a_name_that_says_nothing() -> None:
    found = [str(path.relative_to(ROOT)) for path in files(*_PRODUCT, "tests") if path.stem in _BANNED]
    assert [path for path in found if path != "shared/whistle_shared/runtime/service.py"] == []


def test_every_module_says_what_it_owns() -> None:
    found = [
        str(path.relative_to(ROOT))
        for path in files(*_PRODUCT, "tests")
        if tree(path).body and ast.get_docstring(tree(path)) is None
    ]
    assert not found


@pytest.mark.parametrize("service", SERVICES)
def test_every_service_has_the_same_rooms(service: str) -> None:
    entries = [entry for entry in package(service).iterdir() if entry.name not in ("py.typed", "__pycache__")]
    rooms = {entry.stem for entry in entries if entry.suffix == ".py" or (entry / "__init__.py").exists()}
    folders = {entry.name for entry in entries if entry.is_dir()} - rooms
    assert rooms >= _REQUIRED, f"missing: {_REQUIRED - rooms}"
    assert rooms <= _REQUIRED | _OPTIONAL, f"a fifth kind of room: {rooms - _REQUIRED - _OPTIONAL}"
    assert folders <= _FOLDERS, f"a stray folder: {folders - _FOLDERS}"


def test_a_migration_imports_no_living_code() -> None:
    found = [
        place(path, node.lineno)
        for path in files("services")
        if "migrations" in path.parts
        for node in ast.walk(tree(path))
        if isinstance(node, ast.Import | ast.ImportFrom) and _imports_ours(node)
    ]
    assert not found


def _imports_ours(node: ast.Import | ast.ImportFrom) -> bool:
    names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else [node.module or ""]
    return any(name.startswith("whistle_") for name in names)


def test_nothing_is_left_for_later() -> None:
    marks = re.compile(r"\b(TODO|FIXME|XXX|raise NotImplementedError)\b")
    found = [
        place(path, number)
        for path in files(*_PRODUCT)
        for number, line in enumerate(path.read_text("utf-8").splitlines(), 1)
        if marks.search(line)
    ]
    assert not found


def test_nothing_names_a_place_on_one_machine() -> None:
    marks = re.compile(r"(/work/|/tmp/|/root/|/home/[a-z])")
    found = [
        place(path, number)
        for path in files(*_PRODUCT, "tests")
        if path != Path(__file__)
        for number, line in enumerate(path.read_text("utf-8").splitlines(), 1)
        if marks.search(line)
    ]
    assert not found


def invariants(top: str) -> Iterator[tuple[str, str]]:
    """Each `INVARIANT: …` under a folder: where it is kept, and its first sentence."""
    for path in files(top):
        for match in re.finditer(
            r"INVARIANT: (.+?)(?:[.;:]\s|[.;]?\"\"\"|\n\s*\n)", path.read_text("utf-8"), re.DOTALL
        ):
            yield str(path.relative_to(ROOT)), " ".join(match[1].split())


@pytest.mark.parametrize("top", _PRODUCT)
def test_every_invariant_is_named_by_a_test(top: str) -> None:
    """A guarantee is written `INVARIANT: …` where it is kept, and a test repeats its opening words after that mark."""
    named = " ".join(" ".join(path.read_text("utf-8").split()) for path in files("tests") if path != Path(__file__))
    missing = [f"{where}: {what}" for where, what in invariants(top) if f"INVARIANT: {_opening(what)}" not in named]
    assert not missing, "\n".join(missing)


def _opening(sentence: str) -> str:
    return " ".join(sentence.split()[:5])
