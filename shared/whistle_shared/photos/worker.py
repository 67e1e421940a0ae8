"""The program that looks at a picture nobody vouches for: alone in a process, without environment, files or network.

Reads one picture from its standard input; writes one line of JSON to its standard output and, if the picture is one,
the two pictures made from it. Nothing of the input comes through but what can be seen: no EXIF, no position, no names.
INVARIANT: before the first byte is looked at, memory, time, output and open files are limited, and cannot be raised.
Stands alone: it is started by its path and imports nothing of Whistle, so it starts in 50 ms.
"""

import json
import os
import resource
import sys
import warnings
from io import BytesIO
from typing import BinaryIO

from PIL import (
    Image,
    ImageCms,
    ImageFile,
    JpegImagePlugin,
    MpoImagePlugin,
    PngImagePlugin,
    UnidentifiedImageError,
    WebPImagePlugin,
)

MEMORY, CPU_SECONDS, MOST_OUTPUT = 1 << 30, 15, 8 << 20
MOST_MEGAPIXELS = 50
LARGE, SMALL = 2560, 480
_QUALITY = {LARGE: 82, SMALL: 75}
_FORMATS = ("JPEG", "PNG", "WEBP")
# Imported by name, for later nothing can be opened any more.
_PLUGINS = (JpegImagePlugin, MpoImagePlugin, PngImagePlugin, WebPImagePlugin)
_SRGB = ImageCms.createProfile("sRGB")
_ORIENTATION = 0x0112
_UPRIGHT = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}


class Refused(Exception):
    """This is no picture that we take. `fault`: `format` or `content`."""

    def __init__(self, fault: str, reason: str) -> None:
        self.fault, self.reason = fault, reason
        super().__init__(reason)


def confine() -> None:
    """Give up what is not needed. Input, output and errors are open already; nothing else can be opened."""
    os.nice(10)
    for what, most in (
        (resource.RLIMIT_AS, MEMORY),
        (resource.RLIMIT_CPU, CPU_SECONDS),
        (resource.RLIMIT_FSIZE, MOST_OUTPUT),
        (resource.RLIMIT_NOFILE, 3),
        (resource.RLIMIT_CORE, 0),
    ):
        resource.setrlimit(what, (most, most))


def opened(source: BinaryIO) -> ImageFile.ImageFile:
    """The picture, its header read. Raises Refused."""
    try:
        image = Image.open(source, formats=_FORMATS)
    except (Image.DecompressionBombError, Image.DecompressionBombWarning):
        raise Refused("content", f"has more than {MOST_MEGAPIXELS} megapixels") from None
    except UnidentifiedImageError:
        raise Refused("format", "is no JPEG, PNG or WebP picture") from None
    # What phones write beside a photo (a second lens, a map of light) is left away; what moves is refused.
    if image.format != "MPO" and getattr(image, "n_frames", 1) > 1:
        raise Refused("content", "moves: only a picture of one frame is taken")
    return image


def plain(image: Image.Image) -> Image.Image:
    """Upright, opaque, in sRGB, at most LARGE pixels wide and high, and nothing else."""
    profile = image.info.get("icc_profile")
    turn = _turn(image)
    if image.has_transparency_data:
        image = image.convert("RGBA")
    elif image.mode in ("1", "P"):
        image = image.convert("RGB")
    image.thumbnail((LARGE, LARGE), Image.Resampling.BICUBIC, reducing_gap=2.0)
    image = _in_srgb(_opaque(image), profile)
    if turn is not None:
        image = image.transpose(turn)
    bare = Image.new("RGB", image.size)
    bare.paste(image)
    return bare


def _turn(image: Image.Image) -> Image.Transpose | None:
    """What makes it upright. EXIF that cannot be read says nothing; the picture may be good all the same."""
    try:
        return _UPRIGHT.get(image.getexif().get(_ORIENTATION, 1))
    except Exception:  # noqa: BLE001 - whatever its parser says of it
        return None


def _opaque(image: Image.Image) -> Image.Image:
    """Over white; grey of 16 bits in 8."""
    if image.mode == "RGBA":
        white = Image.new("RGBA", image.size, "white")
        return Image.alpha_composite(white, image).convert("RGB")
    if image.mode.startswith("I"):
        return image.point(lambda level: level * (1 / 256)).convert("L")
    return image


def _in_srgb(image: Image.Image, profile: bytes | None) -> Image.Image:
    """By its colour profile; one that cannot be used counts as none."""
    if profile:
        try:
            source = ImageCms.ImageCmsProfile(BytesIO(profile))
            converted = ImageCms.profileToProfile(image, source, _SRGB, outputMode="RGB")
            if converted is not None:
                return converted
        except (ImageCms.PyCMSError, OSError, ValueError):
            pass
    return image.convert("RGB")


def encoded(image: Image.Image, side: int) -> bytes:
    """As a JPEG that carries nothing but the picture, at most `side` pixels wide and high."""
    image.thumbnail((side, side), Image.Resampling.BICUBIC, reducing_gap=2.0)
    written = BytesIO()
    image.save(written, "JPEG", quality=_QUALITY[side], optimize=False)
    return written.getvalue()


def remade(source: BinaryIO) -> tuple[tuple[int, int], bytes, bytes]:
    """(width and height, large, small) of the picture. Raises Refused."""
    try:
        image = plain(opened(source))
        size = image.size
        return size, encoded(image, LARGE), encoded(image, SMALL)
    except Refused:
        raise
    except MemoryError:
        raise Refused("content", "takes more memory than a photo may") from None
    except Exception as error:  # noqa: BLE001 - whatever a decoder says of such input is the input's fault
        raise Refused("content", f"cannot be decoded ({type(error).__name__})") from None


def main() -> None:
    """See the module's docstring."""
    Image.preinit()
    Image.MAX_IMAGE_PIXELS = MOST_MEGAPIXELS * 1_000_000
    warnings.simplefilter("error")
    # The parser of EXIF: see `_turn`. TIFF itself is no format that we take.
    warnings.filterwarnings("ignore", module="PIL.TiffImagePlugin")
    confine()
    try:
        (width, height), large, small = remade(sys.stdin.buffer)
    except Refused as refused:
        told: dict[str, int | str] = {"fault": refused.fault, "reason": refused.reason}
        pictures = b""
    else:
        told = {"width": width, "height": height, "large": len(large), "small": len(small)}
        pictures = large + small
    sys.stdout.buffer.write(json.dumps(told).encode() + b"\n" + pictures)


if __name__ == "__main__":
    main()
