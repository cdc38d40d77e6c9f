"""Whether the image files of a folder can be read, found out before a run instead of in it.

Every image is decoded once, in full: a header says nothing of a file that ends too soon. What was
found is kept in the user's cache, so that the next run only looks at files that are new or changed.
"""

import contextlib
import gzip
import json
import os
import sys
from collections.abc import Iterable, Iterator
from hashlib import sha256
from multiprocessing.pool import ThreadPool
from pathlib import Path
from typing import NamedTuple

import pooch
from PIL import Image
from rich.console import Console
from rich.progress import track

from keras_mixers.preprocessing import ImageError, load_image
from keras_mixers.weights.download import CACHE_VARIABLE

_VERSION = 1  # Of the kept findings.
_ORIENTATION = 0x0112  # The EXIF tag that says how the camera was held.
# An image of 1 x 60000 pixels would not fit in memory at the size that evaluation gives it.
_LONGEST = 500


class Finding(NamedTuple):
    """What is known of a file: its sides in pixels, or what is wrong with it.

    `plain` is true of a JPEG whose pixels are grey or RGB and upright as they are: TensorFlow
    decodes it as Pillow would.
    """

    width: int = 0
    height: int = 0
    plain: bool = False
    fault: str = ""


def scan(root: Path, paths: Iterable[str]) -> list[Finding]:
    """Return what is known of each file, having decoded those that are not known already.

    Args:
        root: folder of the files; its findings are kept together.
        paths: of the files, relative to `root`.
    """
    index = _index_path(root)
    known = _read(index)
    paths = list(paths)
    states = [_state(root / path) for path in paths]
    new = [
        path for path, state in zip(paths, states, strict=True) if known.get(path, [0])[0] != state
    ]
    if new:
        found = dict(zip(new, _examine_all(root, new), strict=True))
        entries = {
            path: [state, found.get(path) or known[path][1]]
            for path, state in zip(paths, states, strict=True)
        }
        _write(index, entries)
        known = entries
    return [Finding(*known[path][1]) for path in paths]


def _examine_all(root: Path, paths: list[str]) -> Iterator[Finding]:
    """Yield the findings in the order of the paths, from as many threads as there are cores."""
    with ThreadPool(os.cpu_count()) as pool:
        found = pool.imap(examine, (root / path for path in paths), chunksize=16)
        # On a terminal alone: elsewhere a bar is a long line of noise.
        yield from track(
            found,
            f"Checking the images of {root}",
            len(paths),
            console=Console(stderr=True),
            transient=True,
            disable=not sys.stderr.isatty(),
        )


def examine(path: Path) -> Finding:
    """Decode an image and return what there is to say of it."""
    try:
        if not path.stat().st_size:
            return Finding(fault="is empty")
        upright = load_image(path)
        with Image.open(path) as image:
            plain = image.format in ("JPEG", "MPO") and image.mode in ("L", "RGB")
            if plain:
                # A damaged note is no note, to load_image as well.
                with contextlib.suppress(Exception):
                    plain = image.getexif().get(_ORIENTATION, 1) == 1
    except ImageError as error:
        # It begins with the path, as this line will.
        return Finding(fault=str(error).removeprefix(f"{path} ").rstrip("."))
    except OSError as error:
        return Finding(fault=f"can't be read ({error.strerror or error})")
    if max(upright.size) > _LONGEST * min(upright.size):
        return Finding(fault=f"is too narrow: {upright.width} x {upright.height} pixels")
    return Finding(upright.width, upright.height, plain)


def _state(path: Path) -> list[int]:
    """Return what changes when a file does; nothing of a file that is gone."""
    try:
        status = path.stat()
    except OSError:
        return []
    return [status.st_size, status.st_mtime_ns]


def _index_path(root: Path) -> Path:
    name = sha256(os.fsencode(root.resolve())).hexdigest()[:32]
    cache = os.environ.get(CACHE_VARIABLE) or pooch.os_cache("keras_mixers")
    return Path(cache) / "folders" / f"{name}.json.gz"


def _read(index: Path) -> dict[str, list]:
    """Return the kept findings; none, if there are none that can be read."""
    try:
        with gzip.open(index, "rt") as file:
            kept = json.load(file)
        return kept["files"] if kept["version"] == _VERSION else {}
    except (OSError, EOFError, ValueError, KeyError, TypeError):
        return {}


def _write(index: Path, entries: dict[str, list]) -> None:
    """Keep the findings, whole or not at all; a cache that takes none is no reason to stop."""
    part = index.with_name(f"{index.name}.{os.getpid()}.part")
    with contextlib.suppress(OSError):
        index.parent.mkdir(parents=True, exist_ok=True)
        try:
            with gzip.open(part, "wt", compresslevel=1) as file:
                json.dump({"version": _VERSION, "files": entries}, file)
            part.replace(index)
        finally:
            part.unlink(missing_ok=True)
