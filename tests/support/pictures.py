"""Pictures of all kinds for tests: good ones, strange ones that phones make, and hostile ones. Made here, byte by byte
where a library would refuse to."""

import struct
import zlib
from collections.abc import Callable
from functools import cache
from io import BytesIO
from typing import Any

from PIL import Image, ImageCms, ImageDraw

SECRET = b"GEHEIM-13812341234"
"""What stands in every piece of metadata that these pictures carry."""


def saved(image: Image.Image, form: str = "JPEG", **options: Any) -> bytes:
    """An image as a file's bytes."""
    written = BytesIO()
    image.save(written, form, **options)
    return written.getvalue()


def scene(width: int = 400, height: int = 300, mode: str = "RGB") -> Image.Image:
    """A white page whose left upper quarter is dark."""
    image = Image.new("RGB", (width, height), "white")
    ImageDraw.Draw(image).rectangle((0, 0, width // 2 - 1, height // 2 - 1), "black")
    return image if mode == "RGB" else image.convert(mode)


def photo(width: int = 400, height: int = 300) -> bytes:
    """A plain JPEG."""
    return saved(scene(width, height), quality=90)


def exif(orientation: int = 1, filler: int = 0) -> bytes:
    """EXIF with a place, a camera, a note, and `filler` bytes of maker's notes."""
    tags = Image.Exif()
    tags[0x010E] = tags[0x0110] = SECRET.decode()
    tags[0x0112] = orientation
    tags.get_ifd(0x8825).update({1: "N", 2: (39.0, 54.0, 58.8), 3: "E", 4: (116.0, 23.0, 49.9), 29: "2026:11:22"})
    tags.get_ifd(0x8769).update({0x9286: b"ASCII\0\0\0" + SECRET, 0x927C: SECRET + bytes(filler)})
    return tags.tobytes()


def profile() -> bytes:
    """An ICC profile."""
    return ImageCms.ImageCmsProfile(ImageCms.createProfile("LAB")).tobytes()


def srgb() -> bytes:
    """The profile of sRGB, which fits RGB pictures."""
    return ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()


def swapping() -> bytes:
    """A profile by which red means green and green red: that of sRGB with two of its tags' names exchanged."""
    red, green, other = b"rXYZ", b"gXYZ", b"????"
    return srgb().replace(red, other, 1).replace(green, red, 1).replace(other, green, 1)


def jpeg_with_everything() -> bytes:
    """A JPEG with EXIF, GPS, XMP, a comment, an ICC profile, an unknown segment and a tail."""
    plain = saved(scene(), quality=90, exif=exif(), icc_profile=srgb(), comment=SECRET, xmp=b"<x:xmpmeta>" + SECRET)
    unknown = b"\xff\xed" + struct.pack(">H", len(SECRET) + 2) + SECRET
    return plain[:2] + unknown + plain[2:] + SECRET


def png_with_everything() -> bytes:
    """A PNG with texts of three kinds, EXIF, a profile, a time, and an unknown chunk."""
    plain = saved(scene(), "PNG", exif=exif(), icc_profile=srgb())
    extra = chunk(b"tEXt", b"Comment\0" + SECRET) + chunk(b"zTXt", b"Author\0\0" + zlib.compress(SECRET))
    extra += chunk(b"iTXt", b"XML:com.adobe.xmp\0\0\0\0\0" + SECRET) + chunk(b"prVt", SECRET)
    return plain[:33] + extra + plain[33:] + SECRET


def webp_with_everything() -> bytes:
    """A WebP with EXIF, XMP and a profile."""
    return saved(scene(), "WEBP", exif=exif(), icc_profile=srgb(), xmp=b"<x:xmpmeta>" + SECRET)


# -- PNG by hand ---------------------------------------------------------------------------------------------------


def chunk(kind: bytes, data: bytes) -> bytes:
    """One chunk of a PNG."""
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def png(width: int, height: int, *more: bytes, depth: int = 8, colour: int = 2, rows: bytes | None = None) -> bytes:
    """A PNG of this size with further chunks; without `rows` black all over."""
    samples = {0: 1, 2: 3, 3: 1, 4: 2, 6: 4}[colour]
    row = bytes(1 + (width * samples * depth + 7) // 8)
    data = zlib.compress(row * height if rows is None else rows, 9)
    header = struct.pack(">IIBBBBB", width, height, depth, colour, 0, 0, 0)
    chunks = (chunk(b"IHDR", header), *more, chunk(b"IDAT", data), chunk(b"IEND", b""))
    return b"\x89PNG\r\n\x1a\n" + b"".join(chunks)


@cache
def inflating(size: int) -> bytes:
    """Few bytes that become `size` zeros."""
    packer = zlib.compressobj(9)
    block = bytes(1 << 20)
    return b"".join([*(packer.compress(block) for _ in range(size >> 20)), packer.flush()])


def text_bomb(kind: bytes) -> bytes:
    """A PNG whose compressed text is 200 MiB long."""
    flags = {b"zTXt": b"Comment\0\0", b"iTXt": b"Comment\0\1\0\0\0"}[kind]
    return png(8, 8, chunk(kind, flags + inflating(200 << 20)))


def many_texts() -> bytes:
    """A PNG with a hundred texts of just under the allowed length each."""
    return png(8, 8, *(chunk(b"zTXt", b"Comment\0\0" + inflating(1 << 20)[:-4]) for _ in range(100)))


def profile_bomb() -> bytes:
    """A PNG whose colour profile is 200 MiB long."""
    return png(8, 8, chunk(b"iCCP", b"p\0\0" + inflating(200 << 20)))


def huge_profile() -> bytes:
    """A JPEG with 4 MiB of a colour profile in 65 segments, none of it a profile."""
    plain = photo()
    part = bytes(65000)
    parts = [b"ICC_PROFILE\0" + bytes([n, 65]) + part for n in range(1, 66)]
    return plain[:2] + b"".join(b"\xff\xe2" + struct.pack(">H", len(p) + 2) + p for p in parts) + plain[2:]


# -- what would take too long ----------------------------------------------------------------------------------------


@cache
def many_scans(side: int = 7000, scans: int = 2000) -> bytes:
    """A progressive JPEG of few bytes whose last scan comes again and again: each is a walk over all its pixels."""
    plain = saved(Image.new("L", (side, side), 128), quality=50, progressive=True)
    last = plain.rindex(b"\xff\xda")
    return plain[:-2] + plain[last:-2] * scans + plain[-2:]


@cache
def deep_picture() -> bytes:
    """48 megapixels with transparency: 200 MB and more once it is unpacked, some kilobytes before."""
    return png(8000, 6000, colour=6)


# -- what moves ------------------------------------------------------------------------------------------------------


def moving(form: str) -> bytes:
    """Two frames."""
    return saved(scene(32, 32), form, save_all=True, append_images=[Image.new("RGB", (32, 32), "red")])


def endless_gif(frames: int = 10_000) -> bytes:
    """A GIF of many frames."""
    head = b"GIF89a" + struct.pack("<HHBBB", 1, 1, 0x80, 0, 0) + b"\0\0\0\xff\xff\xff"
    frame = b"\x21\xf9\x04\x04\x01\0\0\0" + b"\x2c" + struct.pack("<HHHHB", 0, 0, 1, 1, 0) + b"\x02\x02\x44\x01\0"
    return head + frame * frames + b";"


# -- something else --------------------------------------------------------------------------------------------------

_HTML = b"<!doctype html><html><body><script>alert(1)</script></body></html>"
_SVG = b'<svg xmlns="http://www.w3.org/2000/svg"><script>alert(1)</script></svg>'


def with_zip() -> bytes:
    """A JPEG that is a ZIP too, for who reads from the end."""
    name = b"evil.html"
    local = struct.pack("<4sHHHHHIIIHH", b"PK\3\4", 20, 0, 0, 0, 0, zlib.crc32(_HTML), len(_HTML), len(_HTML), 9, 0)
    entry = struct.pack(
        "<4s6H3I5H2I", b"PK\1\2", 20, 20, 0, 0, 0, 0, zlib.crc32(_HTML), len(_HTML), len(_HTML), 9, 0, 0, 0, 0, 0, 0
    )
    picture = photo()
    where = len(picture) + len(local) + len(name) + len(_HTML)
    end = struct.pack("<4sHHHHIIH", b"PK\5\6", 0, 0, 1, 1, len(entry) + len(name), where, 0)
    return picture + local + name + _HTML + entry + name + end


def with_page() -> bytes:
    """A JPEG that is a page too, for who guesses: in a comment near its beginning, and behind its end."""
    return saved(scene(), comment=_HTML) + _HTML


def phone_with_two_lenses() -> bytes:
    """A JPEG with a second picture behind it (MPO), as many phones write."""
    return saved(scene(), "MPO", save_all=True, append_images=[Image.new("RGB", (64, 64), "red")], exif=exif())


OTHERS: dict[str, bytes] = {
    "nothing": b"",
    "SVG": _SVG,
    "HTML": _HTML,
    "text": "井盖缺失".encode(),
    "GIF of 10,000 frames": endless_gif(),
    "BMP": saved(scene(8, 8), "BMP"),
    "TIFF": saved(scene(8, 8), "TIFF"),
    "ICO": saved(scene(16, 16), "ICO"),
    "FITS": (b"SIMPLE  =                    T" + b" " * 2850).ljust(5760, b"\0"),
    "PSD": b"8BPS\0\1" + bytes(6) + struct.pack(">HIIHH", 3, 30000, 30000, 8, 3) + bytes(64),
    "EPS": b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9999 9999\n",
    "PDF": b"%PDF-1.7\n1 0 obj\n<< /OpenAction << /JS (app.alert(1)) >> >>\n",
    "JPEG 2000": saved(scene(8, 8), "JPEG2000"),
    "program": b"\x7fELF\x02\x01\x01" + bytes(200),
    "only the first bytes of a JPEG": b"\xff\xd8\xff",
    "only the first bytes of a PNG": b"\x89PNG\r\n\x1a\n",
}
"""What is none of the three formats, whatever it calls itself."""


VAST = b"RIFF\x1a\0\0\0WEBPVP8L\x0e\0\0\0/\xfe\xbf\xff\x0f\x07\x10\x11\xfd\x0fDD\xff\x03"
"""A WebP of 34 bytes that is black all over, 16,383 pixels wide and high."""

HOSTILE: dict[str, Callable[[], bytes]] = {
    "truncated JPEG": lambda: photo(1000, 800)[:6000],
    "truncated PNG": lambda: saved(Image.effect_noise((200, 200), 50), "PNG")[:9000],
    "truncated WebP": lambda: saved(scene(), "WEBP")[:200],
    "only the first bytes of a WebP": lambda: b"RIFF\x24\0\0\0WEBPVP8 ",
    "PNG that announces 50,000 x 50,000": lambda: png(50_000, 50_000, rows=bytes(1000)),
    "PNG of 50.1 megapixels": lambda: png(7085, 7072, depth=1, colour=0),
    "WebP of 16,383 x 16,383": lambda: VAST,
    "PNG of no width": lambda: png(0, 10, rows=b"\0"),
    "PNG with a zTXt of 200 MiB": lambda: text_bomb(b"zTXt"),
    "PNG with an iTXt of 200 MiB": lambda: text_bomb(b"iTXt"),
    "PNG with a profile of 200 MiB": profile_bomb,
    "PNG with 100 long texts": many_texts,
    "PNG with a broken checksum": lambda: png(8, 8)[:29] + b"\0\0\0\0" + png(8, 8)[33:],
    "PNG that moves": lambda: moving("PNG"),
    "WebP that moves": lambda: moving("WEBP"),
    "noise behind a JPEG's first bytes": lambda: b"\xff\xd8\xff\xe0" + bytes(range(256)) * 40,
}
"""What is of one of the formats, but no photo that we take."""


STRANGE: dict[str, Callable[[], bytes]] = {
    "JPEG with everything": jpeg_with_everything,
    "PNG with everything": png_with_everything,
    "WebP with everything": webp_with_everything,
    "JPEG that is a ZIP": with_zip,
    "JPEG that is a page": with_page,
    "JPEG with 60 kB of EXIF": lambda: saved(scene(), exif=exif(filler=60_000)),
    "JPEG with 4 MiB of a profile": huge_profile,
    "JPEG with a profile that does not fit": lambda: saved(scene(), icc_profile=profile()),
    "JPEG with broken EXIF": lambda: saved(scene(), exif=exif()[:60] + SECRET),
    "JPEG of two lenses": phone_with_two_lenses,
    "JPEG in CMYK": lambda: saved(scene(mode="CMYK")),
    "JPEG in grey": lambda: saved(scene(mode="L")),
    "JPEG, progressive": lambda: saved(scene(), progressive=True),
    "PNG of 16 bits": lambda: png(400, 300, depth=16, colour=0),
    "PNG of 16 bits and colours": lambda: png(400, 300, depth=16),
    "PNG with a palette": lambda: saved(scene(mode="P"), "PNG"),
    "PNG with transparency": lambda: saved(scene(mode="RGBA"), "PNG"),
    "PNG of one bit": lambda: saved(scene(mode="1"), "PNG"),
    "PNG in grey with transparency": lambda: saved(scene(mode="LA"), "PNG"),
    "PNG of one pixel": lambda: png(1, 1),
    "PNG of one row": lambda: png(60_000, 1),
}
"""What is taken, but not as it came: nothing of it may show but the picture."""
