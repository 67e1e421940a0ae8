"""The style sheet, scripts and pictures of the pages: served from memory, under names made from their content.

`make setup` builds them from `shared/kit`. A template writes `asset("pages.css")` and gets the address, and
`asset("icons.svg#clock")` for a picture of the sprite.
INVARIANT: a picture that the sprite does not have is an error, not an empty place.
INVARIANT: what an address gives never changes, so browsers keep it and do not ask again.
"""

import json
import re
from collections.abc import Mapping
from hashlib import sha256
from pathlib import Path

from fastapi import HTTPException
from starlette.datastructures import Headers
from starlette.types import Receive, Scope, Send

MOUNTED_AT = "/static"
BUILT = Path(__file__).parent / "static"
_KINDS = {
    ".css": "text/css; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".svg": "image/svg+xml",
    ".txt": "text/plain; charset=utf-8",
}
# The best first; the last is the file as it is.
_CODINGS = {"br": ".br", "gzip": ".gz", "": ""}
_REFUSED = re.compile(r";\s*q=0(\.0*)?\s*$", re.IGNORECASE)
_PICTURE = re.compile(rb'<symbol id="([^"]+)"')
Field = tuple[bytes, bytes]


class NotBuilt(Exception):
    """The files for browsers are not there, or not all of them; the message says what to do."""


class Assets:
    """All files of one build, as an ASGI application to mount at `/static`."""

    def __init__(self, folder: Path = BUILT) -> None:
        """Reads every file, about 1 MB. Raises NotBuilt."""
        try:
            manifest = (folder / "manifest.json").read_bytes()
        except FileNotFoundError:
            raise NotBuilt(f"{folder} is not built: run `make setup`") from None
        self.build = sha256(manifest).hexdigest()[:12]
        """A short name for exactly these files."""
        self._manifest: Mapping[str, str] = json.loads(manifest)
        self._files = {file.name: _Stored(file) for file in sorted(folder.iterdir()) if file.suffix in _KINDS}
        if missing := set(self._manifest.values()) - self._files.keys():
            raise NotBuilt(f"{folder} lacks {', '.join(sorted(missing))}: run `make clean setup`")

    def address(self, name: str) -> str:
        """Where browsers find what the kit's sources call `name`: `pages.css`, `icons.svg#clock`. Raises NotBuilt."""
        file, mark, picture = name.partition("#")
        if file not in self._manifest:
            raise NotBuilt(f"there is no {file} in {', '.join(sorted(self._manifest))}: run `make setup`")
        if mark and picture.encode() not in self._files[self._manifest[file]].pictures:
            raise NotBuilt(f"there is no {picture} in {file}: write it into shared/kit/icons.txt and run `make setup`")
        return f"{MOUNTED_AT}/{self._manifest[file]}{mark}{picture}"

    def content(self, name: str) -> bytes:
        """What `name` holds, for a route of its own: a service worker is served from the top. Raises NotBuilt."""
        return self._files[self.address(name).rpartition("/")[2]].bodies[""]

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Raises HTTPException 404 and 405, for the application around it to answer."""
        stored = self._files.get(scope["path"].removeprefix(scope.get("root_path", "")).removeprefix("/"))
        if scope["type"] != "http" or stored is None:
            raise HTTPException(404)
        if scope["method"] not in ("GET", "HEAD"):
            raise HTTPException(405, headers={"Allow": "GET, HEAD"})
        status, headers, body = stored.answer(Headers(scope=scope))
        await send({"type": "http.response.start", "status": status, "headers": headers})
        await send({"type": "http.response.body", "body": body if scope["method"] == "GET" else b""})


class _Stored:
    """One file, with its body by coding: `br`, `gzip`, and as it is."""

    def __init__(self, file: Path) -> None:
        variants = {coding: file.with_name(file.name + suffix) for coding, suffix in _CODINGS.items()}
        self.bodies = {coding: variant.read_bytes() for coding, variant in variants.items() if variant.exists()}
        self.pictures = frozenset(_PICTURE.findall(self.bodies[""]))
        self._fields = {coding: self._fields_of(file, coding) for coding in self.bodies}

    def _fields_of(self, file: Path, coding: str) -> list[Field]:
        fields = {
            "content-type": _KINDS[file.suffix],
            "content-length": str(len(self.bodies[coding])),
            "cache-control": "public, max-age=31536000, immutable",
            "etag": f'"{file.stem}{coding and "-"}{coding}"',
            "vary": "accept-encoding",
        }
        named = [(name.encode(), value.encode()) for name, value in fields.items()]
        return [*named, (b"content-encoding", coding.encode())] if coding else named

    def answer(self, asked: Headers) -> tuple[int, list[Field], bytes]:
        """Status, headers and body in the best coding that is accepted; 304 when the browser has it already."""
        accepted = _accepted(asked.get("accept-encoding", ""))
        coding = next(coding for coding in self.bodies if coding in accepted)
        fields = self._fields[coding]
        known = dict(fields)[b"etag"].decode()
        if known in (tag.strip().removeprefix("W/") for tag in asked.get("if-none-match", "").split(",")):
            return 304, [field for field in fields if field[0] in (b"cache-control", b"etag", b"vary")], b""
        return 200, fields, self.bodies[coding]


def _accepted(header: str) -> set[str]:
    """The codings of an Accept-Encoding header that are not refused; the file as it is always is one."""
    return {"", *(part.partition(";")[0].strip().lower() for part in header.split(",") if not _REFUSED.search(part))}
