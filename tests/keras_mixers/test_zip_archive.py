import zipfile

import pytest

from keras_mixers.zip_archive import check_archive


def test_a_member_that_the_length_of_a_comment_hides(tmp_path):
    path = tmp_path / "archive.zip"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("a", "first")
        archive.writestr("b", "second")
    assert check_archive(path) == {"a": 5, "b": 6}
    content = bytearray(path.read_bytes())
    first = content.index(b"PK\1\2")
    content[first + 32] = content.index(b"PK\5\6") - content.index(b"PK\1\2", first + 1)
    path.write_bytes(content)
    assert zipfile.ZipFile(path).namelist() == ["a"]
    with pytest.raises(zipfile.BadZipFile, match="it holds 1 files instead of 2"):
        check_archive(path)
