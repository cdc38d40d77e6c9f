"""The address of a model on a hub, as a user writes it. Importing it imports no client."""

import re
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal
from urllib.parse import quote, unquote

_HUGGING_FACE, _KAGGLE = "hf://", "kaggle://"
_NAME = r"[A-Za-z0-9][\w.-]*"
# A branch, a tag or a commit; only the hub's own references may hold slashes as they are.
_REVISION = r"refs/(?:pr|convert)/[\w.-]+|[^/@\s]+"
_FILE = r"[^@\s]+"
_ON_HUGGING_FACE = re.compile(
    rf"(?P<repository>{_NAME}/{_NAME})(?:@(?P<revision>{_REVISION}))?(?:/(?P<file>{_FILE}))?"
)
_ON_KAGGLE = re.compile(
    rf"(?P<repository>{_NAME}/{_NAME}/{_NAME}/{_NAME})(?:/(?P<revision>[1-9]\d*))?"
    rf"(?:/(?P<file>{_FILE}))?"
)
_EXPECTED = {
    _HUGGING_FACE: "hf://USER/NAME, hf://USER/NAME@REVISION or hf://USER/NAME@REVISION/FILE",
    _KAGGLE: "kaggle://OWNER/MODEL/FRAMEWORK/VARIATION, with /VERSION or /VERSION/FILE after it",
}
# Only these are read: neither runs code of whoever wrote it.
_ENDINGS = (".keras", ".safetensors")


@dataclass(frozen=True)
class HubAddress:
    """A model on a hub.

    Attributes:
        hub: "hf" or "kaggle".
        repository: "user/name", or on Kaggle "owner/model/framework/variation".
        revision: On Hugging Face a branch, a tag or a commit, on Kaggle the number of a version;
            None for the newest.
        file: A file's path in the repository; None for the usual one.
    """

    hub: Literal["hf", "kaggle"]
    repository: str
    revision: str | None = None
    file: str | None = None

    def __str__(self) -> str:
        """Return the address in the form in which it is written."""
        revision = ""
        if self.revision is not None:
            is_reference = self.revision.startswith("refs/")
            written = self.revision if is_reference else quote(self.revision, safe="")
            revision = f"{'@' if self.hub == 'hf' else '/'}{written}"
        file = "" if self.file is None else f"/{self.file}"
        return f"{self.hub}://{self.repository}{revision}{file}"

    def at(self, revision: str) -> "HubAddress":
        """Return the same address at a revision."""
        return replace(self, revision=revision)


def is_hub_address(name: object) -> bool:
    """Tell whether a name of a model or of weights means one on a hub.

    >>> is_hub_address("hf://user/name"), is_hub_address("mixer_b16"), is_hub_address(None)
    (True, False, False)
    """
    return isinstance(name, str) and name.startswith(tuple(_EXPECTED))


def parse_hub_address(name: str) -> HubAddress:
    """Return what an address means.

    Args:
        name: `hf://USER/NAME[@REVISION][/FILE]`, where a slash in a branch's name is written as
            %2F, or `kaggle://OWNER/MODEL/FRAMEWORK/VARIATION[/VERSION][/FILE]`.

    Raises:
        ValueError: If it is something else, or the file is neither `.keras` nor `.safetensors`.

    >>> parse_hub_address("hf://user/name@v1/best.safetensors").file
    'best.safetensors'
    >>> parse_hub_address("kaggle://owner/model/keras/classification/3").revision
    '3'
    """
    scheme = _HUGGING_FACE if name.startswith(_HUGGING_FACE) else _KAGGLE
    pattern = _ON_HUGGING_FACE if scheme == _HUGGING_FACE else _ON_KAGGLE
    match = pattern.fullmatch(name.removeprefix(scheme))
    if match is None or ".." in name:
        raise ValueError(f"{name!r} is no address on a hub; expected {_EXPECTED[scheme]}.")
    file, revision = match["file"], match["revision"]
    if file is not None and Path(file).suffix not in _ENDINGS:
        raise ValueError(
            f"{name!r} names the file {file!r}; only {' and '.join(_ENDINGS)} files are read from "
            "hubs, because reading them runs no code."
        )
    hub: Literal["hf", "kaggle"] = "hf" if scheme == _HUGGING_FACE else "kaggle"
    return HubAddress(hub, match["repository"], revision and unquote(revision), file)
