"""Files that make readers raise, hang or ask for memory: each is a CheckpointError of one line."""

import io
import json
import pickle
import struct
import sys
import zipfile
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest
import torch

from keras_mixers.weights.errors import CheckpointError, as_checkpoint_error
from keras_mixers.weights.read import read_checkpoint
from keras_mixers.zip_archive import check_archive

# Users see what torch warns of, and go on.
pytestmark = pytest.mark.filterwarnings("ignore")
OLD_FORMAT = pytest.mark.parametrize("old", [False, True], ids=["zip", "pickle"])


def _error(path: Path) -> str:
    with pytest.raises(CheckpointError) as error:
        read_checkpoint(path)
    assert "\n" not in str(error.value)
    assert path.name in str(error.value)
    return str(error.value)


def _save(
    content: object, folder: Path, old: bool = False, pickle_module: ModuleType = pickle
) -> Path:
    torch.save(content, folder / "file.pth", pickle_module, _use_new_zipfile_serialization=not old)
    return folder / "file.pth"


class DeepPickle(ModuleType):
    """Pickle in Python: how deep the one in C may go, Python 3.12 doesn't let anyone say."""

    Pickler = pickle._Pickler
    dump = staticmethod(pickle._dump)


def _npz(folder: Path, header: bytes) -> Path:
    """Write a `.npz` file, whole as a zip archive, of one array with this header."""
    with zipfile.ZipFile(folder / "file.npz", "w") as archive:
        archive.writestr(
            "a.npy", b"\x93NUMPY\1\0" + struct.pack("<H", len(header)) + header + bytes(8)
        )
    return folder / "file.npz"


def _replace(path: Path, old: bytes, new: bytes) -> Path:
    content = path.read_bytes()
    assert old in content
    path.write_bytes(content.replace(old, new))
    return path


@OLD_FORMAT
def test_tensors_whose_numbers_are_clear(old: bool, tmp_path: Path) -> None:
    numbers = torch.tensor([1.0, 2.0], requires_grad=True)
    negated = torch.tensor([1j, 2j]).conj().imag  # A view that is marked as negated.
    path = _save({"a": numbers, "b": torch.nn.Parameter(numbers), "c": negated}, tmp_path, old)
    arrays = read_checkpoint(path)
    np.testing.assert_array_equal(arrays["a"], [1, 2])
    np.testing.assert_array_equal(arrays["b"], [1, 2])
    np.testing.assert_array_equal(arrays["c"], [-1, -2])


@OLD_FORMAT
def test_tensors_that_share_numbers(old: bool, tmp_path: Path) -> None:
    numbers = torch.arange(100.0)
    views = {"a": numbers, "b": numbers[3:5], "c": numbers[:2].expand(3, 2), "d": numbers[:0]}
    arrays = read_checkpoint(_save({"model": {"net": views}}, tmp_path, old))
    assert {key: array.tolist() for key, array in arrays.items()} == {
        key: tensor.tolist() for key, tensor in views.items()
    }


def _repack(path: Path, old: bytes = b"-", new: bytes = b"-") -> Path:
    """Write an archive again, deflated, with other bytes in place of `old` and their checksum."""
    with zipfile.ZipFile(path) as archive:
        members = {name: archive.read(name) for name in archive.namelist()}
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in members.items():
            archive.writestr(name, content.replace(old, new))
    return path


def test_archives_that_are_smaller_than_their_numbers(tmp_path: Path) -> None:
    path = _repack(_save({"a": torch.ones(30_000)}, tmp_path))
    assert path.stat().st_size < 30_000
    np.testing.assert_array_equal(read_checkpoint(path)["a"], np.ones(30_000))


@OLD_FORMAT
@pytest.mark.parametrize(
    "tensor",
    [
        torch.eye(3).to_sparse(),
        torch.zeros(2, device="meta"),
    ],
    ids=["sparse", "meta"],
)
def test_tensors_that_are_no_arrays(tensor: torch.Tensor, old: bool, tmp_path: Path) -> None:
    message = _error(_save({"head.bias": tensor}, tmp_path, old))
    assert f"holds head.bias as a tensor of {tensor.dtype}, {tensor.layout}" in message


@pytest.mark.parametrize("dtype", ["float8_e4m3fn", "float8_e5m2"])
def test_float8(dtype: str, tmp_path: Path) -> None:
    path = _save({"head.bias": torch.zeros(2).to(getattr(torch, dtype))}, tmp_path)
    assert f"holds head.bias as a tensor of torch.{dtype}" in _error(path)


@pytest.mark.parametrize("dtype", ["F8_E4M3", "F8_E5M2", "F8_E8M0"])
def test_float8_of_safetensors(dtype: str, tmp_path: Path) -> None:
    tensor = {"dtype": dtype, "shape": [4], "data_offsets": [0, 4]}
    header = json.dumps({"head.bias": tensor}).encode()
    path = tmp_path / "file.safetensors"
    path.write_bytes(struct.pack("<Q", len(header)) + header + bytes(4))
    assert f"holds head.bias in the type {dtype}" in _error(path)


@OLD_FORMAT
def test_a_dict_that_holds_itself(old: bool, tmp_path: Path) -> None:
    content: dict = {"head.bias": torch.zeros(2)}
    content["model"] = content
    assert "holds no weights by name" in _error(_save(content, tmp_path, old))


@OLD_FORMAT
@pytest.mark.parametrize("as_key", [False, True])
def test_deep_nests(old: bool, as_key: bool, tmp_path: Path) -> None:
    content: object = () if as_key else {"head.bias": torch.zeros(2)}
    for _ in range(2000):
        content = (content,) if as_key else {"model": content}
    limit = sys.getrecursionlimit()
    sys.setrecursionlimit(20_000)  # For torch.save.
    try:
        content = {content: torch.zeros(2)} if as_key else content
        path = _save(content, tmp_path, old, DeepPickle("pickle"))
    finally:
        sys.setrecursionlimit(limit)
    _error(path)


def test_a_view_of_one_number(tmp_path: Path) -> None:
    path = _save({"head.bias": torch.zeros(1).expand(10**13)}, tmp_path)
    assert "holds head.bias of shape (10000000000000,), more numbers than" in _error(path)


def _claim(old: bool, count: int, folder: Path) -> Path:
    """Save 7 numbers, and write another count of them into the pickle."""
    path = _save({"head.bias": torch.ones(7)}, folder, old)
    seven, many = b"K\x07", b"\x8a\x08" + struct.pack("<q", count)
    if old:
        return _replace(path, seven, many)
    return _repack(path, seven, many)


@OLD_FORMAT
@pytest.mark.parametrize("count", [2000, 10**9, 10**13])
def test_torch_storages_that_claim_more_than_there_is(
    old: bool, count: int, tmp_path: Path
) -> None:
    message = _error(_claim(old, count, tmp_path))
    # Some versions of torch compare zip archives themselves; and no machine has 40 TB.
    assert f"claims {4 * count} bytes" in message or not old or count == 10**13


@pytest.mark.parametrize("share", [0.0, 0.5])
def test_torch_pickles_with_bytes_left_over(share: float, tmp_path: Path) -> None:
    path = _save({"head.bias": torch.ones(7)}, tmp_path, old=True)
    content = path.read_bytes()
    path.write_bytes(content + content[int(share * len(content)) :])
    assert "bytes are left over at its end" in _error(path)


@pytest.mark.parametrize("shape", [(10**13,), (10**9,), (3,), (1,), (2**62, 4), (-1, -2)])
def test_npz_headers_that_claim_other_sizes(shape: tuple[int, ...], tmp_path: Path) -> None:
    header = repr({"descr": "<f4", "fortran_order": False, "shape": shape}).encode()
    assert "'a.npy' claims" in _error(_npz(tmp_path, header)) or min(shape) < 0


@pytest.mark.parametrize(
    "header",
    [
        b"{'descr': '<f4', 'fortran_order': False, 'shape': (2,)",  # a TokenError
        b"{'descr': '<f4', 'fortran_order': False, 'shape': (99999999999999999999999,)}",
        b"{'descr': ('<f4',), 'fortran_order': False, 'shape': (2,)}",
        b"{'descr': '<f4', 'fortran_order': False, 'shape': ((2,),)}",
        b"[" * 5000,
        b"\xff\0" * 9,
        b"",
    ],
)
def test_npz_headers_that_are_no_headers(header: bytes, tmp_path: Path) -> None:
    _error(_npz(tmp_path, header))


def test_npz_members_that_are_no_arrays(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "file.npz", "w") as archive:
        archive.writestr("head/bias", "text")
    _error(tmp_path / "file.npz")


def _archive(folder: Path, ending: str) -> Path:
    path = folder / f"file{ending}"
    if ending == ".npz":
        np.savez(path, a=np.ones(7, "float32"))
    else:
        torch.save({"a": torch.ones(7)}, path)
    return path


@pytest.mark.parametrize("ending", [".npz", ".pth"])
@pytest.mark.parametrize(
    ("offset", "value", "what"),
    [
        (8, 1, "encrypted"),
        (10, 99, "an unknown compression"),
        (10, 8, "deflated, which it is not"),
        (10, 12, "bzip2, which it is not"),
        (10, 14, "LZMA, which it is not"),
        (16, 1, "another checksum"),
        (24, 200, "larger than it is"),
        (20, 4, "smaller than it is"),
        (38, 0x10, "a folder"),
        (42, 200, "elsewhere"),
    ],
)
def test_members_that_are_not_what_the_archive_says(
    ending: str, offset: int, value: int, what: str, tmp_path: Path
) -> None:
    path = _archive(tmp_path, ending)
    content = bytearray(path.read_bytes())
    places = [i for i in range(len(content)) if content[i : i + 4] == b"PK\1\2"]
    for place in places:
        content[place + offset] ^= value
    path.write_bytes(content)
    _error(path)


@pytest.mark.parametrize("claim", [0, 27, 29, 10**9])
def test_members_of_another_size(claim: int, tmp_path: Path) -> None:
    path = tmp_path / "file.zip"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("a", bytes(28))
    sizes = struct.pack("<I", 28), struct.pack("<I", claim)
    with pytest.raises(zipfile.BadZipFile) as error:
        check_archive(_replace(path, *sizes))
    # Of a smaller member, a part is read, which has another checksum.
    assert f"the {claim} bytes that it claims" in str(error.value) or claim < 28


@pytest.mark.parametrize("ending", [".npz", ".pth"])
def test_numbers_that_their_checksum_contradicts(ending: str, tmp_path: Path) -> None:
    ones = np.ones(7, "float32").tobytes()
    path = _replace(_archive(tmp_path, ending), ones, ones[:-1] + b"\x40")
    assert "Bad CRC-32" in _error(path)


def test_keys_that_are_not_text(tmp_path: Path) -> None:
    assert r"holds the key 'head\nbias'" in _error(_save({"head\nbias": torch.ones(2)}, tmp_path))


def test_pickles_of_anything_else(tmp_path: Path) -> None:
    for content in (None, 3, [], {}, {"model": {}}, {"model": []}, {"a": torch.ones(2), "b": 3}):
        assert "holds no weights by name" in _error(_save(content, tmp_path))
    buffer = io.BytesIO()
    pickle.dump({"a": 1}, buffer)
    (tmp_path / "file.pth").write_bytes(buffer.getvalue())
    _error(tmp_path / "file.pth")


@pytest.mark.parametrize("error", [MemoryError, RecursionError, AssertionError, UnicodeError])
def test_whatever_a_reader_raises(error: type[Exception], tmp_path: Path) -> None:
    with pytest.raises(CheckpointError, match=rf"file.npz .* npz checkpoint.*{error.__name__}"):  # noqa: SIM117
        with as_checkpoint_error(tmp_path / "file.npz", "npz"):
            raise error("one line\nand another")


@pytest.mark.parametrize("error", [KeyboardInterrupt, SystemExit, ImportError])
def test_what_is_no_damage_passes(error: type[BaseException], tmp_path: Path) -> None:
    with pytest.raises(error), as_checkpoint_error(tmp_path / "file.npz", "npz"):
        raise error
