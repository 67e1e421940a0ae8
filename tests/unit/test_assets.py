"""What browsers get of `/static`: the kit's files from memory, in the best coding, to be kept for ever."""

import json
import re
from collections.abc import AsyncIterator
from pathlib import Path

import httpx
import pytest
import pytest_asyncio
from starlette.applications import Starlette
from starlette.routing import Mount

from whistle_shared.pages.assets import BUILT, MOUNTED_AT, Assets, NotBuilt

CSS = b".card { color: red }"
FIRST_LOAD, MAP = 60_000, 140_000
_IMPORTED = re.compile(r"""(?:from|import)\s*["']\./([\w-]+\.js)["']""")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A build of two files; the script is too small to be worth compressing."""
    (tmp_path / "pages-1a.css").write_bytes(CSS)
    (tmp_path / "pages-1a.css.br").write_bytes(b"as br")
    (tmp_path / "pages-1a.css.gz").write_bytes(b"as gz")
    (tmp_path / "pages-2b.js").write_bytes(b"run()")
    (tmp_path / "manifest.json").write_text(json.dumps({"pages.css": "pages-1a.css", "pages.js": "pages-2b.js"}))
    return tmp_path


@pytest_asyncio.fixture
async def browser(folder: Path) -> AsyncIterator[httpx.AsyncClient]:
    app = Starlette(routes=[Mount(MOUNTED_AT, Assets(folder))])
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://here") as client:
        client.headers.pop("accept-encoding")
        yield client


@pytest.mark.parametrize(
    ("accepts", "coding"),
    [
        ("gzip, deflate, br, zstd", "br"),
        ("gzip, deflate", "gzip"),
        ("BR", "br"),
        ("br;q=0, gzip;q=0.5", "gzip"),
        ("br; q=0.0", ""),
        ("br;q=0.01", "br"),
        ("identity", ""),
        ("", ""),
    ],
)
async def test_the_best_coding_that_is_accepted(browser: httpx.AsyncClient, accepts: str, coding: str) -> None:
    async with browser.stream("GET", "/static/pages-1a.css", headers={"accept-encoding": accepts}) as answer:
        body = b"".join([part async for part in answer.aiter_raw()])
    assert body == {"br": b"as br", "gzip": b"as gz", "": CSS}[coding]
    assert answer.headers.get("content-encoding", "") == coding
    assert answer.headers["content-length"] == str(len(body))
    assert answer.headers["vary"] == "accept-encoding"
    assert answer.headers["content-type"] == "text/css; charset=utf-8"


async def test_what_an_address_gives_is_kept_for_a_year(browser: httpx.AsyncClient) -> None:
    """INVARIANT: what an address gives never changes, so browsers keep it and do not ask again."""
    answer = await browser.get("/static/pages-2b.js")
    assert (answer.status_code, answer.content) == (200, b"run()")
    assert answer.headers["cache-control"] == "public, max-age=31536000, immutable"
    again = await browser.get("/static/pages-2b.js", headers={"if-none-match": f'"other", W/{answer.headers["etag"]}'})
    assert (again.status_code, again.content) == (304, b"")
    assert again.headers["etag"] == answer.headers["etag"]
    other = await browser.get("/static/pages-1a.css", headers={"if-none-match": answer.headers["etag"]})
    assert other.status_code == 200


async def test_each_coding_has_a_mark_of_its_own(browser: httpx.AsyncClient) -> None:
    marks = set()
    for accepts in ("br", "gzip", "identity"):
        answer = await browser.head("/static/pages-1a.css", headers={"accept-encoding": accepts})
        assert (answer.status_code, answer.content) == (200, b"")
        marks.add(answer.headers["etag"])
    assert len(marks) == 3


@pytest.mark.parametrize(
    "path", ["", "manifest.json", "sources", "pages-1a.css.br", "..%2fpages-1a.css", "a%00b", "pages.css"]
)
async def test_nothing_else_is_given(browser: httpx.AsyncClient, folder: Path, path: str) -> None:
    (folder / "sources").write_text("x")
    assert (await browser.get(f"/static/{path}")).status_code == 404


async def test_files_are_only_read(browser: httpx.AsyncClient) -> None:
    answer = await browser.post("/static/pages-2b.js")
    assert (answer.status_code, answer.headers["allow"]) == (405, "GET, HEAD")


def test_a_template_gets_the_address_of_what_it_names(folder: Path) -> None:
    assets = Assets(folder)
    assert assets.address("pages.css") == "/static/pages-1a.css"
    assert assets.content("pages.js") == b"run()"
    with pytest.raises(NotBuilt, match=r"no map\.js in pages\.css, pages\.js: run `make setup`"):
        assets.address("map.js")


def test_a_picture_that_the_sprite_lacks_is_an_error(folder: Path) -> None:
    """INVARIANT: a picture that the sprite does not have is an error, not an empty place."""
    (folder / "icons-4d.svg").write_text('<svg><symbol id="clock"></symbol><symbol id="star-filled"></symbol></svg>')
    (folder / "manifest.json").write_text(json.dumps({"icons.svg": "icons-4d.svg"}))
    assert Assets(folder).address("icons.svg#star-filled") == "/static/icons-4d.svg#star-filled"
    with pytest.raises(NotBuilt, match=r"no star in icons\.svg: write it into shared/kit/icons\.txt"):
        Assets(folder).address("icons.svg#star")


def test_the_builds_name_changes_with_its_files(folder: Path) -> None:
    before = Assets(folder).build
    assert Assets(folder).build == before
    (folder / "pages-3c.css").write_bytes(b"")
    (folder / "manifest.json").write_text(json.dumps({"pages.css": "pages-3c.css", "pages.js": "pages-2b.js"}))
    assert Assets(folder).build != before


def test_a_kit_that_is_not_built_says_what_to_do(folder: Path) -> None:
    (folder / "pages-2b.js").unlink()
    with pytest.raises(NotBuilt, match=r"lacks pages-2b\.js: run `make clean setup`"):
        Assets(folder)
    with pytest.raises(NotBuilt, match="run `make setup`"):
        Assets(folder / "nowhere")


@pytest.mark.parametrize("coding", ["br", "gz"])
def test_first_loads_stay_small(coding: str) -> None:
    """60 kB for every page and 140 kB more for a map, compressed, with the modules that they import."""
    manifest: dict[str, str] = json.loads((BUILT / "manifest.json").read_text())

    def needed(*names: str) -> set[str]:
        files = {manifest[name] for name in names}
        while more := {part for file in files for part in _imports(file)} - files:
            files |= more
        return files

    def size(files: set[str]) -> int:
        return sum((BUILT / f"{file}.{coding}").stat().st_size for file in files)

    every_page = needed("pages.css", "pages.js", "icons.svg")
    assert 0 < size(every_page) <= FIRST_LOAD
    assert 0 < size(needed("map.js") - every_page) <= MAP


def _imports(file: str) -> list[str]:
    return _IMPORTED.findall((BUILT / file).read_text()) if file.endswith(".js") else []
