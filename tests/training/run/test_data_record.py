import json
from dataclasses import replace

import numpy as np
import pytest
from PIL import Image

from tests.helpers.command_line import run as command
from tests.helpers.runs import tiny
from training.data import open_data
from training.errors import RunFolderError
from training.run.data_record import describe_data, remember_data
from training.run.folder import RunFolder


def write_images(folder, per_class=5):
    for label in ("a", "b"):
        (folder / label).mkdir(parents=True)
        for number in range(per_class):
            pixels = np.full((8, 8), 20 * number + 100 * (label == "b"), np.uint8)
            Image.fromarray(pixels).save(folder / label / f"{number}.png")


def write_npz(path, first=0):
    images = np.zeros((8, 8, 8), np.uint8)
    images[0, 0, 0] = first
    np.savez(path, images=images, labels=np.arange(8) % 2)


def test_two_images_more_are_told_and_accepted_if_asked(tmp_path):
    write_images(tmp_path / "images")
    address, folder = f"folder:{tmp_path / 'images'}", RunFolder(tmp_path)
    remember_data(folder, open_data(address), 0, False)
    remember_data(folder, open_data(address), 3, False)
    for label in ("a", "b"):
        Image.fromarray(np.zeros((8, 8), np.uint8)).save(tmp_path / "images" / label / "x.png")
    with pytest.raises(RunFolderError) as caught:
        remember_data(folder, open_data(address), 6, False)
    assert "was begun with other data (training images 8, now 10; digest" in str(caught.value)
    assert "go on all the same with --accept-other-data" in str(caught.value)
    remember_data(folder, open_data(address), 6, True)
    remember_data(folder, open_data(address), 9, False)
    records = json.loads((tmp_path / "data.json").read_text())
    assert [(record["from_step"], record["training images"]) for record in records] == [
        (0, 8),
        (6, 10),
    ]


def change_size(folder):
    Image.fromarray(np.random.default_rng(0).integers(0, 256, (8, 8), np.uint8)).save(
        folder / "a" / "0.png"
    )


def rename(folder):
    (folder / "a" / "0.png").rename(folder / "a" / "z.png")


def move(folder):
    (folder / "a" / "0.png").rename(folder / "b" / "9.png")


def rename_class(folder):
    (folder / "b").rename(folder / "c")


@pytest.mark.parametrize("change", [change_size, rename, move, rename_class])
def test_what_tells_a_folder_from_another(change, tmp_path):
    write_images(tmp_path / "images")
    before = describe_data(open_data(f"folder:{tmp_path / 'images'}"))
    (tmp_path / "images").rename(tmp_path / "moved")
    assert describe_data(open_data(f"folder:{tmp_path / 'moved'}")) == before
    change(tmp_path / "moved")
    assert describe_data(open_data(f"folder:{tmp_path / 'moved'}")) != before


def test_one_pixel_of_an_archive_is_another(tmp_path):
    write_npz(tmp_path / "a.npz")
    write_npz(tmp_path / "b.npz", first=1)
    same, other = (describe_data(open_data(f"npz:{tmp_path / name}.npz")) for name in "ab")
    differing = {name for name in same if same[name] != other[name]}
    assert len(differing) == 1
    assert differing <= {"digest of the training images", "digest of the validation images"}


@pytest.mark.parametrize("content", ["{", "[]", "[3]", "3", "[" * 100_000])
def test_a_damaged_record_is_told(content, tmp_path):
    (tmp_path / "data.json").write_text(content)
    with pytest.raises(RunFolderError, match=r"is not a record of data; .*; correct"):
        remember_data(RunFolder(tmp_path), open_data("digits"), 3, False)


def test_the_command_refuses_and_accepts(tmp_path):
    write_npz(tmp_path / "a.npz")
    recipe = replace(tiny(), data=f"npz:{tmp_path / 'a.npz'}", batch_size=4)
    (tmp_path / "recipe.json").write_text(recipe.to_json())
    train = ("train", tmp_path / "recipe.json", "--run", tmp_path / "run", "--quiet")
    done = command(*train)
    assert done.exit_code == 0, done.output
    write_npz(tmp_path / "a.npz", first=1)
    refused = command(*train, "--epochs", "3")
    assert refused.exit_code == 1
    assert "was begun with other data" in refused.output
    environment = json.loads((tmp_path / "run" / "environment.json").read_text())
    environment["packages"]["keras"] = "3.0.0"
    (tmp_path / "run" / "environment.json").write_text(json.dumps(environment))
    accepted = command(*train, "--epochs", "3", "--accept-other-data")
    assert accepted.exit_code == 0, accepted.output
    assert "Changed since the last start: keras '3.0.0', now '3." in accepted.output
