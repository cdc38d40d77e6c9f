"""LiteRT.js, which runs a page's network: its version, its files and their digests."""

import base64
import hashlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from keras_mixers.json_files import read_json
from keras_mixers.value_checks import check_object, check_text

VERSION = "2.5.3"
_SCOPE, CORE, UTILS = "@litertjs/", "@litertjs/core", "@litertjs/wasm-utils"
_KIND = "sha384"
CDN = "https://cdn.jsdelivr.net/npm/@litertjs/"

# Digests as browsers read them, of the files of this version; package and path in it.
_FILES = {
    (CORE, "dist/index.js"): "MapSVJ/DPwvaWpp7q+Bid9O3uY1oB0KOU1QRMP+Mm5zdz5oMme/BUyX6dVAMWnPg",
    (UTILS, "dist/index.js"): "HIPwlWsctS5BRqrnvJKDVJ8SvqKB0QmiImdr6+hpP7+8UqeMJX/qrBkdfKQV2WZ/",
    (CORE, "wasm/litert_wasm_compat_internal.js"): (
        "oh4nb8zDq6eVOpGeZE5gwDOJ16QujHLL8k/HEXt3XiPxr+8zn3YnkXP8P3BlJET1"
    ),
    (CORE, "wasm/litert_wasm_compat_internal.wasm"): (
        "glAZ6WjS7tLRt89pbTPXvLC1c7DCaVSfL2ngn5gZJiUuPs76fWYJy7ZeFaD0PJXx"
    ),
    (CORE, "wasm/litert_wasm_internal.js"): (
        "NB/Wc4iozynQO5jzJ2VFoMKbqMvwwFGWxJL/o63IJT6W2JfZbsSLxA2cF6H/mLpQ"
    ),
    (CORE, "wasm/litert_wasm_internal.wasm"): (
        "AZ/Ak4CbDpjqpSr8WsnoL3Dcx6bDFA/k9b/jahok1TGHZ2OqIRjLBMiEmiNedhlC"
    ),
    (CORE, "wasm/litert_wasm_jspi_internal.js"): (
        "Y6/AvIxciaLSzSWRJcd1FVuRAhc/f2HeaLQuYuwdN/Y0aipWnFoBrszL8JHT0GHD"
    ),
    (CORE, "wasm/litert_wasm_jspi_internal.wasm"): (
        "FBGaMKCEjTkeIOEl4TMyiD0fjfNzVbruCGIwX4FQdVmfp4GBiSCTmniGAPU5olS+"
    ),
    (CORE, "wasm/litert_wasm_threaded_internal.js"): (
        "yzheND5ZxfO4+9po2DFoaMqr56eo7p10JiuyDXIbNqi2MOTw/8AIm1CtEe5Dqz62"
    ),
    (CORE, "wasm/litert_wasm_threaded_internal.wasm"): (
        "W0YLgt+poOZCNAm54r2Ga6K2PmHezmLMKtO5RvIFQtK8ji5wvIW56LEwGn4eH0Cb"
    ),
}


@dataclass(frozen=True)
class Runtime:
    """Where a page finds the runtime's files.

    Attributes:
        base: Address of the packages' folder, absolute or relative to the page.
        versioned: Whether the names of the packages' folders end in their version.
    """

    base: str
    versioned: bool

    def address(self, package: str, path: str = "") -> str:
        """Return the address of a file, or of the folder of a package."""
        version = f"@{VERSION}" if self.versioned else ""
        return f"{self.base}{package.removeprefix(_SCOPE)}{version}/{path}"

    def import_map(self) -> dict[str, Mapping[str, str]]:
        """Return which file each module is, and its digest, as browsers read it."""
        entry = "dist/index.js"
        modules = {package: self.address(package, entry) for package in (CORE, UTILS)}
        digests = {modules[package]: integrity(package, entry) for package in modules}
        return {"imports": modules, "integrity": digests}

    def binaries(self) -> dict[str, object]:
        """Return the folder of the WebAssembly files, and the digest of each."""
        digests = {
            Path(path).name: integrity(package, path)
            for package, path in _FILES
            if path.startswith("wasm/")
        }
        return {"wasm": self.address(CORE, "wasm/"), "integrity": digests}


FROM_CDN = Runtime(CDN, versioned=True)
FROM_FOLDER = Runtime("./litert/", versioned=False)


def integrity(package: str, path: str) -> str:
    """Return the digest of a file of the runtime."""
    return f"{_KIND}-{_FILES[package, path]}"


def digest(content: bytes) -> str:
    """Return the digest of a file's content, as browsers read it."""
    return f"{_KIND}-{base64.b64encode(hashlib.new(_KIND, content).digest()).decode()}"


def copy_runtime(source: Path, out: Path) -> None:
    """Copy the runtime's files, each of which must be the one that this version has.

    Args:
        source: Folder of the npm package @litertjs/core, as `npm install` writes it.
        out: The page's folder.

    Raises:
        FileNotFoundError: If there is no such package, or a file of it is missing.
        ValueError: If it has another version, or a file is damaged.
    """
    _check_version(source)
    for package, path in _FILES:
        found = next((place for place in _places(source, package, path) if place.is_file()), None)
        if found is None:
            raise FileNotFoundError(f"There is no file {path!r} of {package}; {_install()}.")
        content = found.read_bytes()
        if digest(content) != integrity(package, path):
            raise ValueError(f"{found} is not the file of {package} {VERSION}; {_install()}.")
        target = out / FROM_FOLDER.address(package, path)
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(content)


def _places(source: Path, package: str, path: str) -> Iterator[Path]:
    """Yield where npm may have put a file of a package: beside the core, or inside it."""
    if package == CORE:
        yield source / path
        return
    name = package.partition("/")[2]
    yield source.resolve().parent / name / path
    yield source / "node_modules" / package / path


def _check_version(source: Path) -> None:
    path = source / "package.json"
    if not path.is_file():
        raise FileNotFoundError(f"{source} is not the npm package {CORE}; {_install()}.")
    name, version = read_json(path, "the description of an npm package", _name_and_version)
    if (name, version) != (CORE, VERSION):
        raise ValueError(
            f"{source} is {name} {version}; expected {CORE} {VERSION}, with which pages are "
            f"tested; {_install()}."
        )


def _name_and_version(content: object) -> tuple[str, str]:
    table = check_object(content)
    return check_text("name", table.get("name")), check_text("version", table.get("version"))


def _install() -> str:
    return f"run `npm install {CORE}@{VERSION}` and give node_modules/{CORE}"
