"""LiteRT.js is copied from npm's folder if each file is the known one.

tests/web copies the real ones.
"""

import base64
import hashlib
import json
from collections.abc import Callable
from pathlib import Path

import pytest

from hub_export.web import runtime
from hub_export.web.runtime import CORE, UTILS, VERSION, copy_runtime

CONTENT = {
    (CORE, "dist/index.js"): b"core",
    (UTILS, "dist/index.js"): b"utils",
    (CORE, "wasm/a.wasm"): b"wasm",
}


@pytest.fixture(autouse=True)
def _small_files(monkeypatch: pytest.MonkeyPatch) -> None:
    digests = {
        name: base64.b64encode(hashlib.sha384(content).digest()).decode()
        for name, content in CONTENT.items()
    }
    monkeypatch.setattr(runtime, "_FILES", digests)


def write_packages(root: Path, core: Path, utils: Path) -> Path:
    """Write the packages as npm does; return the core's folder."""
    for (package, path), content in CONTENT.items():
        file = root / (core if package == CORE else utils) / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(content)
    (root / core / "package.json").write_text(json.dumps({"name": CORE, "version": VERSION}))
    return root / core


@pytest.mark.parametrize("utils", [UTILS, f"{CORE}/node_modules/{UTILS}"])
def test_copies(utils: str, tmp_path: Path):
    source = write_packages(tmp_path, Path(CORE), Path(utils))
    copy_runtime(source, tmp_path / "page")
    for (package, path), content in CONTENT.items():
        assert (tmp_path / "page/litert" / package.partition("/")[2] / path).read_bytes() == content


def change_version(source: Path) -> None:
    (source / "package.json").write_text(json.dumps({"name": CORE, "version": "9.9.9"}))


def change_name(source: Path) -> None:
    (source / "package.json").write_text(json.dumps({"name": "react", "version": VERSION}))


def damage(source: Path) -> None:
    (source / "wasm/a.wasm").write_bytes(b"other")


def remove(source: Path) -> None:
    (source / "wasm/a.wasm").unlink()


def no_package(source: Path) -> None:
    (source / "package.json").unlink()


def no_json(source: Path) -> None:
    (source / "package.json").write_text("[")


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (change_version, "is @litertjs/core 9.9.9; expected @litertjs/core 2"),
        (change_name, "is react"),
        (damage, "a.wasm is not the file of @litertjs/core"),
        (remove, "no file 'wasm/a.wasm' of @litertjs/core"),
        (no_package, "is not the npm package @litertjs/core"),
        (no_json, "is not the description of an npm package"),
    ],
)
def test_other_files(change: Callable[[Path], None], message: str, tmp_path: Path):
    source = write_packages(tmp_path, Path(CORE), Path(UTILS))
    change(source)
    with pytest.raises((ValueError, FileNotFoundError), match=message):
        copy_runtime(source, tmp_path / "page")
