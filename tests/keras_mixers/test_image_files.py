"""Images in folders, and what is in any folder without having been put there."""

from pathlib import Path

import pytest

from keras_mixers.image_files import find_image_files, is_left_behind

LEFT_BEHIND = [
    "__MACOSX",
    "@eaDir",
    "#recycle",
    "lost+found",
    "$RECYCLE.BIN",
    "System Volume Information",
    ".git",
]


@pytest.mark.parametrize("name", LEFT_BEHIND)
def test_folders_that_nobody_made_are_passed_over_at_any_depth(tmp_path: Path, name: str) -> None:
    own = tmp_path / "b" / "c.jpeg"
    for path in (tmp_path / name / "x.jpg", own.parent / name / "deep" / "x.jpg", own):
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()
    assert find_image_files(tmp_path) == [own]


def test_links_to_folders_are_followed_and_each_folder_is_walked_once(tmp_path: Path) -> None:
    cat, shared = tmp_path / "photos" / "cat", tmp_path / "shared"
    for folder in (cat / "summer", shared):
        folder.mkdir(parents=True)
        (folder / "a.jpg").touch()
    (cat / "disk").symlink_to(shared)
    (cat / "again").symlink_to(cat / "summer")
    (cat / "summer" / "back").symlink_to(cat)
    assert find_image_files(tmp_path / "photos") == [cat / "disk/a.jpg", cat / "summer/a.jpg"]


def test_a_name_that_only_has_such_a_part_is_an_own_one() -> None:
    assert not any(map(is_left_behind, ["lost", "MACOSX", "eaDir", "recycle", "a.git"]))


def test_all_that_photos_end_in(tmp_path: Path) -> None:
    # A phone's .heic, which Pillow can't read, is told where it is read, not passed over.
    names = ["A.HEIC", "a.JPG", "a.avif", "a.gif", "a.jfif", "a.tif", "a.webp", "b.TIFF"]
    for name in (*names, "a.txt", "a.mp4"):
        (tmp_path / name).touch()
    assert [path.name for path in find_image_files(tmp_path)] == names


def test_a_folder_without_images(tmp_path: Path) -> None:
    (tmp_path / "labels.txt").touch()
    (tmp_path / "folder.jpg").mkdir()
    with pytest.raises(FileNotFoundError, match=r"There is no image in .*; expected files that"):
        find_image_files(tmp_path)
