"""Pictures of every page, as small as they may be, under `docs/screenshots/`; those that the README shows are smaller
still and are kept in the repository."""

import asyncio
import sys
from collections.abc import Iterator
from io import BytesIO
from pathlib import Path

from PIL import Image

from support.every_page import View, views
from support.looks import ON_THE_WALL
from support.onlooker import DESK, PHONE, Look, Onlooker
from support.places import ROOT

FOLDER = ROOT / "docs" / "screenshots"
_COLOURS = 256
LOOKS = tuple(Look("zh", theme, *size) for size in (DESK, PHONE) for theme in ("light", "dark"))
# By page and look, the picture's width in the README.
FOR_README = {
    ("escalation-home-wall", "zh-dark-3840"): 1280,
    ("intake-whistles-whistle", "zh-light-1440"): 1200,
    ("department-home", "zh-light-360"): 360,
    ("intake-report", "zh-light-360"): 360,
}


async def take(onlooker: Onlooker, wanted: str = "") -> int:
    """Take the pictures of the pages whose name has `wanted` in it; returns the exit code: 1 when a page complained."""
    FOLDER.mkdir(parents=True, exist_ok=True)
    complaints: list[str] = []
    for view, look in _sights(wanted):
        try:
            complaints += [f"{view.name} ({look}): {said}" for said in await _take(onlooker, view, look)]
        except AssertionError as error:
            complaints.append(str(error))
        print(".", end="", flush=True)
    print(f"\npictures in {FOLDER.relative_to(ROOT)}: {len(list(FOLDER.glob('*.png')))}")
    for said in complaints:
        print(said, file=sys.stderr)
    return 1 if complaints else 0


def _sights(wanted: str) -> Iterator[tuple[View, Look]]:
    for view in views():
        if wanted in view.name:
            yield from ((view, look) for look in (ON_THE_WALL if view.sight.wall else LOOKS))


async def _take(onlooker: Onlooker, view: View, look: Look) -> list[str]:
    async with onlooker.before(view, look) as seen:
        whole = await seen.page.screenshot(full_page=not view.sight.wall)
        width = FOR_README.get((view.name, str(look)))
        window = await seen.page.screenshot() if width else b""
        said = [*await seen.too_wide(), *seen.complaints]
    await asyncio.to_thread(_keep, FOLDER / f"{view.name}-{look}.png", whole)
    if width:
        await asyncio.to_thread(_keep, FOLDER / f"readme-{view.name}.png", window, width)
    return said


def _keep(file: Path, picture: bytes, width: int | None = None) -> None:
    """With 256 colours, which is what these pages have, but for photos."""
    with Image.open(BytesIO(picture)) as opened:
        image = opened.convert("RGB")
    if width is not None and width < image.width:
        image = image.resize((width, round(image.height * width / image.width)), Image.Resampling.LANCZOS)
    image.quantize(_COLOURS, dither=Image.Dither.NONE).save(file, optimize=True)
