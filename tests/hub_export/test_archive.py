import hashlib
import shutil
import subprocess
import tarfile

import pytest
import tensorflow_hub

from hub_export.archive import write_archive
from keras_mixers.models.heads import without_softmax
from tests.helpers.export_models import assert_same, images_up_to_one
from tests.keras_mixers.weights.file_server import serve


@pytest.fixture(scope="module")
def exported(exports, tmp_path_factory):
    folder = tmp_path_factory.mktemp("archive") / "model"
    shutil.copytree(exports["ConvMixer"].path, folder)
    (folder / "model-instance-metadata.json").write_text("{}")
    return exports["ConvMixer"].model, folder


def test_root_of_the_archive_is_the_model_s(exported, tmp_path):
    write_archive(exported[1], tmp_path / "model.tar.gz")
    with tarfile.open(tmp_path / "model.tar.gz") as archive:
        members = archive.getmembers()
    names = [member.name for member in members]
    assert {"saved_model.pb", "assets/labels.txt", "variables/variables.index"} <= set(names)
    assert "model-instance-metadata.json" not in names
    assert {(member.uid, member.gid, member.mtime) for member in members} == {(0, 0, 0)}


def test_same_files_give_the_same_bytes_and_the_checksum_holds(exported, tmp_path):
    digests = []
    for name in ("a.tar.gz", "b.tar.gz"):
        digests.append(write_archive(exported[1], tmp_path / name))
        subprocess.run(["sha256sum", "-c", f"{name}.sha256"], cwd=tmp_path, check=True)
        assert hashlib.sha256((tmp_path / name).read_bytes()).hexdigest() == digests[-1]
    assert digests[0] == digests[1]


def test_archive_is_loaded_over_http_once(exported, tmp_path, monkeypatch):
    model, path = exported
    images = images_up_to_one(3)
    write_archive(path, tmp_path / "model.tar.gz")
    monkeypatch.setenv("TFHUB_CACHE_DIR", str(tmp_path / "cache"))
    name = "model.tar.gz?tf-hub-format=compressed"
    with serve({name: (tmp_path / "model.tar.gz").read_bytes()}) as server:
        for _ in range(2):
            logits = tensorflow_hub.load(f"{server.url}/model.tar.gz")(images)
            expected = without_softmax(model)(255 * images)
            assert_same(logits, expected, model)
    assert server.requests == [name]


def test_what_hub_would_not_unpack_is_refused(exported, tmp_path):
    for name, message in ((".hidden", "must start with a letter"), ("link", "neither a file nor")):
        folder = tmp_path / name
        folder.mkdir()
        (folder / "saved_model.pb").touch()
        if name == "link":
            (folder / "link").symlink_to("saved_model.pb")
        else:
            (folder / name).touch()
        with pytest.raises(ValueError, match=message):
            write_archive(folder, tmp_path / "a.tar.gz")
    with pytest.raises(ValueError, match=r"is not a SavedModel: it has no file 'saved_model\.pb'"):
        write_archive(tmp_path, tmp_path / "a.tar.gz")
    with pytest.raises(ValueError, match=r"name must end in \.tar\.gz; received .*a\.zip"):
        write_archive(exported[1], tmp_path / "a.zip")
    assert not list(tmp_path.glob("a.*"))


def test_neither_file_is_replaced_unasked(exported, tmp_path):
    checksum = tmp_path / "model.tar.gz.sha256"
    checksum.write_text("mine")
    with pytest.raises(FileExistsError, match=r"model\.tar\.gz\.sha256' exists"):
        write_archive(exported[1], tmp_path / "model.tar.gz")
    assert checksum.read_text() == "mine"
    assert list(tmp_path.iterdir()) == [checksum]
    digest = write_archive(exported[1], tmp_path / "model.tar.gz", overwrite=True)
    assert checksum.read_text().startswith(digest)
