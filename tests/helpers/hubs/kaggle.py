"""The parts of Kaggle that its clients use here: models, variations, their files, uploads."""

import base64
import gc
import hashlib
import json
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import kagglesdk.kaggle_env as kaggle_env
import pytest

from tests.helpers.hubs.server import Handler, HubServer, running

TOKEN = "token_of_a_test"
Files = dict[str, bytes]


class Kaggle(HubServer):
    """Kaggle.

    Attributes:
        models: what was said when each was made, by "owner/model".
        variations: the files of each version, by "owner/model/FRAMEWORK/variation".
        licences: of variations.
        stored: uploaded files that are no variation's yet, by token: name and content.
    """

    def __init__(self) -> None:
        super().__init__()
        self.models: dict[str, dict[str, Any]] = {}
        self.variations: dict[str, list[Files]] = {}
        self.licences: dict[str, str] = {}
        self.stored: dict[str, tuple[str, bytes]] = {}

    def add(self, handle: str, *versions: Files) -> None:
        """Add a variation, such as "owner/model/KERAS/name"."""
        self.models["/".join(handle.split("/")[:2])] = {"isPrivate": False}
        self.variations[handle] = list(versions)

    def answer(self, handler: Handler) -> None:
        if handler.command == "PUT":
            token = handler.path.rpartition("/")[2]
            self.stored[token] = (self.stored[token][0], handler.content)
            handler.send(200)
            return
        call = handler.path.rpartition("/")[2]
        writes = call.startswith(("Create", "Start"))
        if writes and handler.headers.get("Authorization") != f"Bearer {TOKEN}":
            handler.send(401)
            return
        _CALLS[call](self, handler, json.loads(handler.content))


def _variation(asked: dict[str, Any]) -> str:
    fields = {**asked, **asked.get("body", {})}
    framework = fields["framework"].removeprefix("MODEL_FRAMEWORK_")
    return f"{fields['ownerSlug']}/{fields['modelSlug']}/{framework}/{fields['instanceSlug']}"


def _get_model(hub: Kaggle, handler: Handler, asked: dict[str, Any]) -> None:
    found = hub.models.get(f"{asked['ownerSlug']}/{asked['modelSlug']}")
    handler.send_json({"isPrivate": found["isPrivate"]} if found else {}, 200 if found else 404)


def _create_model(hub: Kaggle, handler: Handler, asked: dict[str, Any]) -> None:
    hub.models[f"{asked['ownerSlug']}/{asked['slug']}"] = asked
    handler.send_json({"url": "/models", "error": ""})


def _get_variation(hub: Kaggle, handler: Handler, asked: dict[str, Any]) -> None:
    versions = hub.variations.get(_variation(asked))
    handler.send_json({"versionNumber": len(versions or ())}, 200 if versions else 404)


def _send_file(hub: Kaggle, handler: Handler, asked: dict[str, Any]) -> None:
    versions = hub.variations.get(_variation(asked), [])
    number = asked["versionNumber"]
    files = versions[number - 1] if number <= len(versions) else {}
    if asked["path"] not in files:
        handler.send(404)
        return
    content = files[asked["path"]]
    checksum = base64.b64encode(hashlib.md5(content).digest()).decode()
    handler.send(200, content, x_goog_hash=f"md5={checksum}")


def _start_upload(hub: Kaggle, handler: Handler, asked: dict[str, Any]) -> None:
    token = f"blob{len(hub.stored)}"
    hub.stored[token] = (asked["name"], b"")
    handler.send_json({"token": token, "createUrl": f"{hub.url}/stored/{token}"})


def _create_variation(hub: Kaggle, handler: Handler, asked: dict[str, Any]) -> None:
    name = _variation(asked)
    if name in hub.variations:
        handler.send_json({"error": "it exists", "errorCode": 409})
        return
    hub.licences[name] = asked["body"].get("licenseName", "")
    hub.variations[name] = []
    _create_version(hub, handler, asked)


def _create_version(hub: Kaggle, handler: Handler, asked: dict[str, Any]) -> None:
    files: Files = {}
    _collect(hub, asked["body"], "", files)
    hub.variations[_variation(asked)].append(files)
    handler.send_json({"url": "/models", "error": ""})


def _collect(hub: Kaggle, folder: dict[str, Any], prefix: str, files: Files) -> None:
    for each in folder.get("files", ()):
        name, content = hub.stored[each["token"]]
        files[prefix + name] = content
    for each in folder.get("directories", ()):
        _collect(hub, each, f"{prefix}{each['name']}/", files)


_CALLS = {
    "GetModel": _get_model,
    "CreateModel": _create_model,
    "GetModelInstance": _get_variation,
    "DownloadModelInstanceVersion": _send_file,
    "StartBlobUpload": _start_upload,
    "CreateModelInstance": _create_variation,
    "CreateModelInstanceVersion": _create_version,
}


@contextmanager
def kaggle(folder: Path, patch: pytest.MonkeyPatch) -> Iterator[Kaggle]:
    """Serve Kaggle, which this process's clients ask, with a cache in a folder and no token."""
    with running(Kaggle()) as hub:
        patch.setenv("KAGGLE_API_ENVIRONMENT", "LOCALHOST")
        patch.setitem(kaggle_env._env_to_endpoint, kaggle_env.KaggleEnv.LOCAL, hub.url)
        patch.setenv("KAGGLEHUB_CACHE", str(folder / "kaggle"))
        # With each request, the client looks for the library that asks in the whole call stack, for
        # which Python searches all modules: seconds among a test run's thousands.
        patch.setattr("kagglehub.clients.get_user_agent", lambda: "kagglehub")
        patch.setenv("HOME", str(folder))  # The clients look for tokens there.
        patch.setenv("KAGGLE_CONFIG_DIR", str(folder))
        for name in ("KAGGLE_API_TOKEN", "KAGGLE_USERNAME", "KAGGLE_KEY"):
            patch.delenv(name, raising=False)
        yield hub
    with warnings.catch_warnings():
        # After a download that broke off, the client leaves its connection to the collector.
        warnings.simplefilter("ignore", ResourceWarning)
        gc.collect()
