"""Photos made anew by the worker (RELIABILITY.md section 4.2, row 32): what is taken, what not, and within what limits.

INVARIANT: before the first byte is looked at, memory, time, output and open files are limited, and cannot be raised.
"""

import asyncio
import os
import subprocess
import sys
from io import BytesIO
from pathlib import Path

import pytest
from PIL import Image

from support import pictures
from support.waiting import until
from whistle_shared.errors import Unavailable
from whistle_shared.photos import pictures as darkrooms
from whistle_shared.photos import worker
from whistle_shared.photos.pictures import Darkroom, NoPicture, Pictures

HOSTILE, STRANGE = pictures.HOSTILE, pictures.STRANGE


async def made(data: bytes) -> Pictures:
    return await Darkroom().make(data)


def shown(data: bytes) -> Image.Image:
    image = Image.open(BytesIO(data))
    image.load()
    return image


def is_dark(image: Image.Image, x: float, y: float) -> bool:
    """Whether it is dark at this place, in parts of its width and height."""
    place = (int(image.width * x), int(image.height * y))
    return sum(image.convert("RGB").getpixel(place)) < 200  # type: ignore[arg-type]


# -- what is taken ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", STRANGE)
async def test_nothing_of_a_photo_comes_through_but_what_can_be_seen(name: str) -> None:
    photo = await made(STRANGE[name]())
    for data in (photo.large, photo.small):
        image = shown(data)
        assert (image.format, image.mode) == ("JPEG", "RGB")
        assert set(image.info) == {"jfif", "jfif_version", "jfif_unit", "jfif_density"}
        assert not image.getexif()
        for trace in (pictures.SECRET, b"Exif", b"http", b"<x:", b"<html", b"<script", b"PK\3\4", b"ICC_PROFILE"):
            assert trace not in data
        assert data.endswith(b"\xff\xd9")


@pytest.mark.parametrize("orientation", range(1, 9))
async def test_a_photo_stands_upright(orientation: int) -> None:
    """The dark quarter is where a viewer that knows EXIF would show it."""
    photo = await made(pictures.saved(pictures.scene(400, 300), exif=pictures.exif(orientation)))
    image = shown(photo.large)
    assert image.size == (photo.width, photo.height) == ((400, 300) if orientation < 5 else (300, 400))
    corner = {1: (0, 0), 2: (1, 0), 3: (1, 1), 4: (0, 1), 5: (0, 0), 6: (1, 0), 7: (1, 1), 8: (0, 1)}[orientation]
    dark = {(x, y) for x in (0, 1) for y in (0, 1) if is_dark(image, 0.25 + x / 2, 0.25 + y / 2)}
    assert dark == {corner}


async def test_a_photo_is_made_smaller_and_has_a_thumbnail() -> None:
    photo = await made(pictures.photo(4000, 3000))
    assert (photo.width, photo.height) == (2560, 1920) == shown(photo.large).size
    assert shown(photo.small).size == (480, 360)


async def test_a_small_photo_is_not_made_larger() -> None:
    photo = await made(pictures.photo(40, 30))
    assert shown(photo.large).size == shown(photo.small).size == (40, 30)


async def test_colours_are_converted_not_relabelled() -> None:
    """What is called red by a profile that swaps the two is green."""
    green = pictures.saved(Image.new("RGB", (64, 64), "red"), quality=100, icc_profile=pictures.swapping())
    shades = shown((await made(green)).large).getpixel((32, 32))
    assert isinstance(shades, tuple)
    assert shades[1] > 200, shades
    assert max(shades[0], shades[2]) < 60, shades


async def test_what_is_transparent_becomes_white() -> None:
    clear = pictures.saved(Image.new("RGBA", (64, 64), (0, 0, 0, 0)), "PNG")
    assert not is_dark(shown((await made(clear)).large), 0.5, 0.5)


async def test_sixteen_bits_of_grey_become_eight() -> None:
    grey = pictures.saved(Image.new("I;16", (64, 64), 0x8000), "PNG")
    value = shown((await made(grey)).large).getpixel((32, 32))
    assert isinstance(value, tuple)
    assert all(abs(level - 0x80) < 3 for level in value)


# -- what is not -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", pictures.OTHERS)
async def test_what_is_no_jpeg_png_or_webp_is_refused(name: str) -> None:
    with pytest.raises(NoPicture) as refused:
        await made(pictures.OTHERS[name])
    assert refused.value.unknown_format


@pytest.mark.parametrize("name", HOSTILE)
async def test_what_is_no_photo_is_refused(name: str) -> None:
    with pytest.raises(NoPicture):
        await made(HOSTILE[name]())


# -- limits ----------------------------------------------------------------------------------------------------------


def with_limits(monkeypatch: pytest.MonkeyPatch, folder: Path, **limits: str) -> None:
    """Have the darkroom start the worker with other figures."""
    source = Path(worker.__file__).read_text("utf-8")
    figures = {"memory": "1 << 30", "cpu": "15"} | limits
    line = "MEMORY, CPU_SECONDS, MOST_OUTPUT = 1 << 30, 15, 8 << 20"
    assert line in source
    changed = folder / "worker.py"
    changed.write_text(source.replace(line, line.replace("1 << 30, 15", f"{figures['memory']}, {figures['cpu']}")))
    monkeypatch.setattr(darkrooms, "_WORKER", changed)


async def test_a_photo_that_takes_too_much_memory_is_refused(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    deep = pictures.deep_picture()
    assert (await made(deep)).width == 2560
    with_limits(monkeypatch, tmp_path, memory="300 << 20")
    with pytest.raises(NoPicture, match="memory"):
        await made(deep)


async def test_a_photo_that_takes_too_much_work_is_refused(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    bomb = pictures.many_scans()
    assert len(bomb) < 12 << 20
    with_limits(monkeypatch, tmp_path, cpu="1")
    with pytest.raises(NoPicture, match="limits"):
        await made(bomb)


async def test_a_photo_that_takes_too_long_is_put_off_and_its_worker_ended(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(darkrooms, "_PATIENCE", 0.5)
    with pytest.raises(Unavailable, match="too long"):
        await made(pictures.many_scans())
    assert not _children()


async def test_whoever_goes_away_takes_the_worker_along() -> None:
    asked = asyncio.create_task(made(pictures.many_scans()))

    async def at_work() -> bool:
        return bool(_children())

    await until(at_work, "a worker to be at work")
    asked.cancel()
    with pytest.raises(asyncio.CancelledError):
        await asked
    assert not _children()


def _children() -> list[int]:
    found = Path(f"/proc/{os.getpid()}/task").glob("*/children")
    pids = [int(pid) for task in found for pid in task.read_text().split()]
    return [pid for pid in pids if b"worker.py" in Path(f"/proc/{pid}/cmdline").read_bytes()]


async def test_more_than_a_few_photos_at_once_are_put_off() -> None:
    darkroom, photo = Darkroom(), pictures.photo()
    answers = await asyncio.gather(*(darkroom.make(photo) for _ in range(20)), return_exceptions=True)
    assert sum(isinstance(answer, Pictures) for answer in answers) == 8
    assert sum(isinstance(answer, Unavailable) for answer in answers) == 12
    assert isinstance(await darkroom.make(photo), Pictures)


CONFINED = """
import resource, runpy, socket, sys
worker = runpy.run_path(sys.argv[1])
worker["confine"]()
def refused(act):
    try:
        act()
    except (OSError, MemoryError, ValueError) as error:
        return type(error).__name__
    return "allowed"
print(refused(lambda: open("/etc/passwd")))
print(refused(socket.socket))
print(refused(lambda: bytearray(2 << 30)))
print(resource.getrlimit(resource.RLIMIT_CPU), resource.getrlimit(resource.RLIMIT_FSIZE))
"""


def test_the_worker_can_open_nothing_and_take_no_more_memory() -> None:
    told = subprocess.run(
        [sys.executable, "-I", "-c", CONFINED, worker.__file__], env={}, check=True, capture_output=True, text=True
    )
    assert told.stdout.splitlines() == ["OSError", "OSError", "MemoryError", f"(15, 15) ({8 << 20}, {8 << 20})"]


# -- when the worker itself is at fault --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "program",
    {
        "is not there": "",
        "ends with an error": "raise SystemExit(3)",
        "says nothing that can be read": "print('{')",
        "lies about lengths": 'print(\'{"width": 1, "height": 1, "large": 9, "small": 9}\')',
        "lies about sides": 'import sys; sys.stdout.buffer.write(b\'{"width": 99999, "height": 1, "large": 3, \''
        "b'\"small\": 3}\\n' + b'\\xff\\xd8\\xff' * 2)",
        "makes a page": 'print(\'{"width": 1, "height": 1, "large": 6, "small": 6}\'); print(\'<html><html>\', end="")',
    }.values(),
)
async def test_nothing_but_a_photo_is_taken_from_a_worker(
    program: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """INVARIANT: this process never decodes what came from outside, nor what the worker made of it; it looks at
    lengths and at the first bytes. What is wrong here is not the photo's fault."""
    other = tmp_path / "worker.py"
    if program:
        other.write_text(program)
    monkeypatch.setattr(darkrooms, "_WORKER", other)
    with pytest.raises(Unavailable):
        await made(pictures.photo())
