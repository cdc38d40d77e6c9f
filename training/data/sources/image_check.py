"""Checks that the image files of a folder can be read, before a run rather than during it.

Each image is decoded in full, because the header of a truncated file looks fine. The findings are
kept in the user's cache, so that the next run only checks files that are new or have changed.
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

from PIL import Image
from rich.console import Console
from rich.progress import track

from keras_mixers.atomic_files import write_atomically
from keras_mixers.preprocessing import ImageError, load_image
from keras_mixers.printable import printable
from keras_mixers.weights.download import cache_folder

_VERSION = 2  # Format of the cached findings.
_ORIENTATION = 0x0112  # The EXIF tag for the camera's orientation.
_END, _MOST_PADDING = b"\xff\xd9", 4096
# An image of 1 x 60000 pixels would not fit in memory when it is resized for evaluation.
_MAX_ASPECT_RATIO = 500


class Finding(NamedTuple):
    """The result of checking a file: the image's size in pixels, or what is wrong with it.

    `plain` is true for an upright, whole JPEG in greyscale or RGB: TensorFlow decodes it as Pillow
    does.
    """

    width: int = 0
    height: int = 0
    plain: bool = False
    fault: str = ""


def check_images(root: Path, paths: Iterable[str]) -> list[Finding]:
    """Check image files; those that haven't changed since they were last checked are not read.

    Args:
        root: folder of the files; its findings are cached in one file.
        paths: paths of the files, relative to `root`.
    """
    cache = _cache_file(root)
    known = _read_cache(cache)
    paths = list(paths)
    states = [_file_state(root / path) for path in paths]
    new = [
        path for path, state in zip(paths, states, strict=True) if known.get(path, [0])[0] != state
    ]
    if new:
        found = dict(zip(new, _check_in_threads(root, new), strict=True))
        entries = {
            path: [state, found.get(path) or known[path][1]]
            for path, state in zip(paths, states, strict=True)
        }
        _write_cache(cache, entries)
        known = entries
    return [Finding(*known[path][1]) for path in paths]


def _check_in_threads(root: Path, paths: list[str]) -> Iterator[Finding]:
    """Yield the findings in the order of the paths, with one thread per core."""
    with ThreadPool(os.cpu_count()) as pool:
        found = pool.imap(check_image, (root / path for path in paths), chunksize=16)
        # The progress bar is for terminals; in a log file it would be noise.
        yield from track(
            found,
            f"Checking the images of {printable(root)}",
            len(paths),
            console=Console(stderr=True),
            transient=True,
            disable=not sys.stderr.isatty(),
        )


def check_image(path: Path) -> Finding:
    """Decode an image file and return the finding."""
    try:
        path.stat()  # What a system says of a link to nothing, or of a folder that is shut.
        upright = load_image(path)
        with Image.open(path) as image:
            plain = image.format in ("JPEG", "MPO") and image.mode in ("L", "RGB")
            plain = plain and _has_an_end(path)
            if plain:
                # A damaged EXIF tag is ignored, as load_image does.
                with contextlib.suppress(Exception):
                    plain = image.getexif().get(_ORIENTATION, 1) == 1
    except ImageError as error:
        # The message begins with the path, which the caller puts first.
        return Finding(fault=str(error).removeprefix(f"{path} ").rstrip("."))
    except OSError as error:
        return Finding(fault=f"can't be read ({error.strerror or error})")
    if max(upright.size) > _MAX_ASPECT_RATIO * min(upright.size):
        return Finding(fault=f"is too narrow: {upright.width} x {upright.height} pixels")
    return Finding(upright.width, upright.height, plain)


def _has_an_end(path: Path) -> bool:
    """Tell whether a JPEG has the mark of its end; TensorFlow refuses one without."""
    with path.open("rb") as file:
        file.seek(max(0, path.stat().st_size - _MOST_PADDING))
        return file.read().rstrip(b"\0").endswith(_END)


def _file_state(path: Path) -> list[int]:
    """Return the size and the modification time of a file; an empty list if it doesn't exist."""
    try:
        status = path.stat()
    except OSError:
        return []
    return [status.st_size, status.st_mtime_ns]


def _cache_file(root: Path) -> Path:
    name = sha256(os.fsencode(root.resolve())).hexdigest()[:32]
    return cache_folder() / "folders" / f"{name}.json.gz"


def _read_cache(cache: Path) -> dict[str, list]:
    """Return the cached state and finding of each file; none if the cache can't be read."""
    try:
        with gzip.open(cache, "rt", encoding="utf-8") as file:
            kept = json.load(file)
        entries = kept["files"] if kept["version"] == _VERSION else {}
        # A damaged entry is an error here, not where it is used.
        return {path: [state, _check_finding(*found)] for path, (state, found) in entries.items()}
    except Exception:  # Whatever gzip, json and this function meet in damaged bytes.
        return {}


def _check_finding(width: int, height: int, plain: bool, fault: str) -> Finding:
    """Return a finding of the cache; ValueError if a value has another type."""
    finding = Finding(width, height, plain, fault)
    if tuple(map(type, finding)) != (int, int, bool, str):
        raise ValueError(f"Not a finding: {finding}.")
    return finding


def _write_cache(cache: Path, entries: dict[str, list]) -> None:
    """Write the cache, whole or not at all; a cache that can't be written is no error."""
    with contextlib.suppress(OSError):
        cache.parent.mkdir(parents=True, exist_ok=True)
        with (
            write_atomically(cache, overwrite=True) as place,
            gzip.open(place, "wt", compresslevel=1) as file,
        ):
            json.dump({"version": _VERSION, "files": entries}, file)
