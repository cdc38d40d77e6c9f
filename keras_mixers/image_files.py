"""Finds the images in a folder, and passes over what systems and programs leave in any folder."""

import os
from pathlib import Path

# What photos end in. Those that Pillow can't read, such as .heic, are told rather than passed over.
_SUFFIXES = (
    *(".avif", ".bmp", ".gif", ".heic", ".heif", ".jfif", ".jp2", ".jpe", ".jpeg", ".jpg"),
    *(".png", ".ppm", ".tif", ".tiff", ".webp"),
)
# macOS's archives, network disks' thumbnails and bins, repairs of a disk, Windows's own.
_LEFT_BEHIND = frozenset(
    {
        "__macosx",
        "@eadir",
        "#recycle",
        "#snapshot",
        "lost+found",
        "$recycle.bin",
        "system volume information",
        "desktop.ini",
        "thumbs.db",
    }
)


def is_left_behind(name: str) -> bool:
    """Tell whether a file or folder is hidden, or was left there by a system or a program.

    >>> [is_left_behind(name) for name in ("__MACOSX", "@eaDir", "lost+found", ".git", "cat")]
    [True, True, True, True, False]
    """
    return name.startswith(".") or name.lower() in _LEFT_BEHIND


def list_files(folder: str | Path) -> list[Path]:
    """Return the sorted files in a folder and its subfolders, without what `is_left_behind`.

    Links to folders are followed. A folder that several links lead to, or that a link in it leads
    back to, is walked once.

    >>> import tempfile
    >>> folder = Path(tempfile.mkdtemp())
    >>> (folder / "@eaDir").mkdir()
    >>> for name in ("a.jpg", "@eaDir/a.jpg", ".b.jpg"):
    ...     folder.joinpath(name).touch()
    >>> [path.name for path in list_files(folder)]
    ['a.jpg']
    """
    found = []
    walked = {os.path.realpath(folder)}
    for place, folders, names in os.walk(folder, followlinks=True):
        # Nor what is in them. Sorted, so that the same one of two links is followed everywhere;
        # and links last, so that files keep their own names.
        own = [name for name in sorted(folders) if not is_left_behind(name)]
        folders.clear()
        for name in sorted(own, key=lambda name: os.path.islink(os.path.join(place, name))):
            target = os.path.realpath(os.path.join(place, name))
            if target not in walked:
                walked.add(target)
                folders.append(name)
        found += [Path(place, name) for name in names if not is_left_behind(name)]
    return sorted(found)


def find_image_files(folder: str | Path) -> list[Path]:
    """Return those of `list_files` that end as images do.

    Raises:
        FileNotFoundError: If there is none.

    >>> import tempfile
    >>> folder = Path(tempfile.mkdtemp())
    >>> for name in ("b.JPG", "a.png", "labels.txt"):
    ...     folder.joinpath(name).touch()
    >>> [path.name for path in find_image_files(folder)]
    ['a.png', 'b.JPG']
    """
    files = [path for path in list_files(folder) if path.suffix.lower() in _SUFFIXES]
    if not files:
        raise FileNotFoundError(
            f"There is no image in {str(folder)!r}; expected files that end as images do, such as "
            "in .jpg or .png."
        )
    return files
