"""The parts of the Hugging Face Hub that its client uses here: models, files, uploads."""

import base64
import hashlib
import json
import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import unquote, urlsplit

import huggingface_hub.constants as constants
import pytest
from huggingface_hub.utils import close_session, disable_progress_bars, enable_progress_bars

from tests.helpers.hubs.server import Handler, HubServer, running

TOKEN = "hf_of_a_test"
_LARGE = (".keras", ".safetensors")
Files = dict[str, bytes]


@dataclass
class Repository:
    """A repository's commits, the newest last, and its branches and tags."""

    commits: dict[str, Files] = field(default_factory=dict)
    references: dict[str, str] = field(default_factory=dict)
    private: bool = False

    def commit(self, files: Files, branch: str = "main") -> str:
        name = hashlib.sha1(repr((len(self.commits), files)).encode()).hexdigest()
        self.commits[name] = files
        self.references[branch] = name
        return name

    def find(self, revision: str) -> str | None:
        return self.references.get(revision, revision if revision in self.commits else None)


class HuggingFace(HubServer):
    """The hub.

    Attributes:
        repositories: by name, "user/name".
        tokens: users by the token that they show.
        stored: large files that were uploaded, by sha256.
    """

    def __init__(self) -> None:
        super().__init__()
        self.repositories: dict[str, Repository] = {}
        self.tokens = {TOKEN: "user"}
        self.stored: Files = {}
        self._routes = (
            (r"GET /api/models/(\w+/[\w.-]+)/revision/(.+)", _send_info),
            (r"GET /api/models/(\w+/[\w.-]+)", _send_info),
            (r"GET /api/models/(\w+/[\w.-]+)/tree/(.+)", _send_tree),
            (r"(?:HEAD|GET) /(\w+/[\w.-]+)/resolve/([^/]+)/(.+)", _send_file),
            (r"POST /api/validate-yaml", _validate),
            (r"POST /api/repos/create", _create),
            (r"POST /api/models/(\w+/[\w.-]+)/preupload/(.+)", _say_how_to_upload),
            (r"POST /(\w+/[\w.-]+)\.git/info/lfs/objects/batch", _say_where_to_upload),
            (r"PUT /stored/(\w+)", _store),
            (r"POST /api/models/(\w+/[\w.-]+)/commit/(.+)", _commit),
        )

    def add(self, name: str, files: Files) -> Repository:
        repository = self.repositories[name] = Repository()
        repository.commit(files)
        return repository

    def user(self, handler: Handler) -> str | None:
        shown = handler.headers.get("Authorization", "").removeprefix("Bearer ")
        return self.tokens.get(shown)

    def answer(self, handler: Handler) -> None:
        asked = f"{handler.command} {urlsplit(handler.path).path}"
        for pattern, route in self._routes:
            match = re.fullmatch(pattern, asked)
            if match is None:
                continue
            writes = handler.command == "POST"
            if writes and self.user(handler) is None:
                handler.send(401)
                return
            route(self, handler, *map(unquote, match.groups()))
            return
        handler.send(404)


def _open(hub: HuggingFace, handler: Handler, name: str) -> Repository | None:
    found = hub.repositories.get(name)
    if found is None or (found.private and hub.user(handler) is None):
        handler.send(404 if hub.user(handler) else 401, X_Error_Code="RepoNotFound")
        return None
    return found


def _files(hub: HuggingFace, handler: Handler, name: str, revision: str) -> tuple[str, Files]:
    repository = _open(hub, handler, name)
    if repository is None:
        return "", {}
    commit = repository.find(revision)
    if commit is None:
        handler.send(404, X_Error_Code="RevisionNotFound")
        return "", {}
    return commit, repository.commits[commit]


def _send_info(hub: HuggingFace, handler: Handler, name: str, revision: str = "main") -> None:
    commit, files = _files(hub, handler, name, revision)
    if commit:
        siblings = [{"rfilename": path} for path in files]
        private = hub.repositories[name].private
        handler.send_json({"id": name, "sha": commit, "siblings": siblings, "private": private})


def _send_tree(hub: HuggingFace, handler: Handler, name: str, revision: str) -> None:
    commit, files = _files(hub, handler, name, revision)
    if commit:
        handler.send_json([_entry(path, content) for path, content in files.items()])


def _entry(path: str, content: bytes) -> dict:
    git = hashlib.sha1(b"blob %d\0" % len(content) + content).hexdigest()
    entry = {"type": "file", "path": path, "size": len(content), "oid": git}
    if path.endswith(_LARGE):
        sha256 = hashlib.sha256(content).hexdigest()
        entry["lfs"] = {"oid": sha256, "size": len(content), "pointerSize": 130}
    return entry


def _send_file(hub: HuggingFace, handler: Handler, name: str, revision: str, path: str) -> None:
    commit, files = _files(hub, handler, name, revision)
    if commit and path not in files:
        handler.send(404, X_Error_Code="EntryNotFound", X_Repo_Commit=commit)
    elif commit:
        entry = _entry(path, files[path])
        etag = entry.get("lfs", entry)["oid"]
        handler.send(200, files[path], ETag=f'"{etag}"', X_Repo_Commit=commit)


def _validate(hub: HuggingFace, handler: Handler) -> None:
    handler.send_json({"errors": [], "warnings": []})


def _create(hub: HuggingFace, handler: Handler) -> None:
    wanted = json.loads(handler.content)
    owner = wanted.get("organization") or hub.user(handler)
    name = f"{owner}/{wanted['name']}"
    if owner != hub.user(handler):
        handler.send(403)
        return
    exists = name in hub.repositories
    if not exists:
        is_private = wanted.get("visibility") == "private" or wanted.get("private", False)
        hub.repositories[name] = Repository(private=bool(is_private))
        hub.repositories[name].commit({".gitattributes": b""})
    handler.send_json({"url": f"{hub.url}/{name}"}, 409 if exists else 200)


def _say_how_to_upload(hub: HuggingFace, handler: Handler, name: str, revision: str) -> None:
    if _open(hub, handler, name) is None:
        return
    paths = [file["path"] for file in json.loads(handler.content)["files"]]
    modes = {path: "lfs" if path.endswith(_LARGE) else "regular" for path in paths}
    handler.send_json(
        {
            "files": [
                {"path": path, "uploadMode": mode, "shouldIgnore": False}
                for path, mode in modes.items()
            ]
        }
    )


def _say_where_to_upload(hub: HuggingFace, handler: Handler, name: str) -> None:
    objects = json.loads(handler.content)["objects"]
    for each in objects:
        each["actions"] = {"upload": {"href": f"{hub.url}/stored/{each['oid']}"}}
    handler.send_json({"transfer": "basic", "objects": objects})


def _store(hub: HuggingFace, handler: Handler, sha256: str) -> None:
    is_whole = hashlib.sha256(handler.content).hexdigest() == sha256
    if is_whole:
        hub.stored[sha256] = handler.content
    handler.send(200 if is_whole else 400)


def _commit(hub: HuggingFace, handler: Handler, name: str, revision: str) -> None:
    repository = _open(hub, handler, name)
    if repository is None:
        return
    files = dict(repository.commits[repository.references[revision]])
    for line in handler.content.splitlines():
        item = json.loads(line)
        value = item["value"]
        if item["key"] == "file":
            files[value["path"]] = base64.b64decode(value["content"])
        elif item["key"] == "lfsFile":
            files[value["path"]] = hub.stored[value["oid"]]
        elif item["key"] == "deletedFile":
            files.pop(value["path"])
    commit = repository.commit(files, revision)
    address = f"{hub.url}/{name}/commit/{commit}"
    handler.send_json({"success": True, "commitUrl": address, "commitOid": commit})


@contextmanager
def hugging_face(folder: Path, patch: pytest.MonkeyPatch) -> Iterator[HuggingFace]:
    """Serve a hub, which this process's client asks, with a cache in a folder and no token."""
    with running(HuggingFace()) as hub:
        patch.setattr(constants, "ENDPOINT", hub.url)
        template = hub.url + "/{repo_id}/resolve/{revision}/{filename}"
        patch.setattr(constants, "HUGGINGFACE_CO_URL_TEMPLATE", template)
        patch.setattr(constants, "HF_HUB_CACHE", str(folder / "hf"))
        patch.setattr(constants, "HF_TOKEN_PATH", str(folder / "token"))
        # Xet, by which the real hub moves large files, has a protocol that is not published whole.
        patch.setattr(constants, "HF_HUB_DISABLE_XET", True)
        for name in ("HF_TOKEN", "HUGGING_FACE_HUB_TOKEN"):
            patch.delenv(name, raising=False)
        disable_progress_bars()  # As where there is no terminal.
        yield hub
        enable_progress_bars()
        close_session()  # It keeps its connections.
