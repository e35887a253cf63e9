"""The page's own files, read once: scripts, style sheets, pictures; and the page that loads them."""

from dataclasses import dataclass
from functools import cache
from hashlib import blake2b
from importlib.resources import files
from importlib.resources.abc import Traversable

from jinja2 import Environment, PackageLoader, StrictUndefined

_TYPES = {
    ".css": "text/css; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".svg": "image/svg+xml",
    ".webmanifest": "application/manifest+json",
}


@dataclass(frozen=True, slots=True)
class Asset:
    """A file of the page's."""

    body: bytes
    media_type: str


@dataclass(frozen=True, slots=True)
class Assets:
    """All files of the page's by their paths, and a hash of them all.

    The hash is a part of their addresses. So a browser keeps them for as long as it likes, and modules, which name one
    another by relative paths, are always of one version.
    """

    version: str
    files: dict[str, Asset]

    def named(self, ending: str) -> list[str]:
        """The paths that end so."""
        return sorted(path for path in self.files if path.endswith(ending))


@cache
def assets() -> Assets:
    """The page's files."""
    found = dict(sorted(_below(files("ithaca.web") / "static", "")))
    sheets = [asset.body for path, asset in found.items() if path.startswith("css/")]
    found["page.css"] = Asset(b"".join(sheets), _TYPES[".css"])  # one request for what is always wanted together
    digest = blake2b(digest_size=9)
    for path, asset in found.items():
        digest.update(f"{path}\0{len(asset.body)}\0".encode() + asset.body)
    return Assets(digest.hexdigest(), found)


def _below(folder: Traversable, path: str) -> list[tuple[str, Asset]]:
    found: list[tuple[str, Asset]] = []
    for entry in folder.iterdir():
        ending = entry.name[entry.name.rfind(".") :]
        if entry.is_dir():
            found += _below(entry, f"{path}{entry.name}/")
        elif ending in _TYPES:
            found.append((path + entry.name, Asset(entry.read_bytes(), _TYPES[ending])))
    return found


@cache
def page(base: str) -> str:
    """The page as HTML, for an app that is reached below `base`, which ends in a slash."""
    return _templates().get_template("page.html").render(base=base, assets=assets())


def picture_frame(base: str, address: str) -> str:
    """A document with one picture from elsewhere."""
    return _templates().get_template("picture.html").render(base=base, assets=assets(), address=address)


@cache
def _templates() -> Environment:
    loader = PackageLoader("ithaca.web")
    return Environment(loader=loader, autoescape=True, undefined=StrictUndefined, trim_blocks=True)
