"""Uploads a folder to Kaggle Models, by its clients."""

import json
from collections.abc import Sequence
from http import HTTPStatus
from pathlib import Path
from typing import Any, NamedTuple

from hub_export.publish.errors import publish_errors
from hub_export.publish.handle import parse_kaggle_model
from hub_export.publish.kaggle import (
    INSTANCE_METADATA_FILE,
    KERAS_FRAMEWORK,
    MODEL_METADATA_FILE,
)
from hub_export.requirements import require_packages
from keras_mixers.weights.hubs.address import HubAddress


def upload_kaggle(
    folder: str | Path, model: str, *, private: bool = False, overwrite: bool = False
) -> list[str]:
    """Upload a folder that `export_kaggle` wrote: a model with its variations.

    The model is made if it doesn't exist; of an existing variation, there will be a new version.

    Args:
        folder: The folder.
        model: The model, "owner/model".
        private: Whether a new model is private.
        overwrite: Whether variations may exist already.

    Returns:
        The handles of the variations, such as "owner/model/keras/classification".

    Raises:
        ValueError: If the model's name is malformed, or it is public but should be private.
        FileExistsError: If a variation exists, and there must be no new version.
        PublishError: An OSError, if Kaggle refuses or can't be reached.
        ImportError: If kagglehub isn't installed.

    Example:

    >>> upload_kaggle("convmixer", "owner/convmixer", private=True)  # doctest: +SKIP
    ['owner/convmixer/keras/classification', ...]
    """
    address, folder = parse_kaggle_model(model), Path(folder)
    variations = list_variations(folder)
    exists = check_kaggle_model(model, private=private)
    if exists and not overwrite:
        _refuse_existing(address, [variation.name for variation in variations])
    with publish_errors(address):
        import kagglehub

        if not exists:
            _create_model(address, folder, private)
        for variation in variations:
            kagglehub.model_upload(
                f"{address.repository}/{variation.name}",
                str(variation.folder),
                variation.licence,
                "Upload a model with keras-mixers",
                ignore_patterns=[INSTANCE_METADATA_FILE],
            )
    return [f"{address.repository}/{name}" for name, *_ in variations]


def check_kaggle_model(model: str, *, private: bool = False) -> bool:
    """Check that a model may be uploaded, before it is exported, which takes longer.

    Args and errors are those of `upload_kaggle`.

    Returns:
        Whether the model exists.
    """
    require_packages("hubs", "kagglehub")
    address = parse_kaggle_model(model)
    with publish_errors(address):
        _require_credentials()
        found = _find_model(address)
    if found is not None and private and not found.is_private:
        raise ValueError(
            f"{address} exists and is public; make it private in its settings on Kaggle, or leave "
            "out private=True (--private)."
        )
    return found is not None


class Variation(NamedTuple):
    """A variation of a model, which is to be uploaded.

    Attributes:
        name: Framework and variation, such as "keras/classification".
        folder: The folder with its files.
        licence: Its licence, as Kaggle spells it.
    """

    name: str
    folder: Path
    licence: str


def list_variations(folder: Path) -> list[Variation]:
    """Return the variations in a folder that `export_kaggle` wrote, Keras's last."""
    found = []
    for metadata in sorted(folder.glob(f"*/{INSTANCE_METADATA_FILE}")):
        fields = _read(metadata)
        name = f"{fields['framework']}/{fields['instanceSlug']}"
        found.append(Variation(name, metadata.parent, fields["licenseName"]))
    if not found:
        raise ValueError(f"{folder} has no variations; expected a folder of export_kaggle.")
    first = found[0]
    name = f"{KERAS_FRAMEWORK}/{first.name.partition('/')[2]}"
    return [*found, Variation(name, folder / KERAS_FRAMEWORK, first.licence)]


def _read(path: Path) -> dict[str, Any]:
    return dict(json.loads(path.read_text(encoding="utf-8")))


def _require_credentials() -> None:
    from kagglehub.config import get_kaggle_credentials
    from kagglehub.exceptions import UnauthenticatedError

    if get_kaggle_credentials() is None:
        raise UnauthenticatedError


def _find_model(address: HubAddress) -> Any:
    """Return what Kaggle says about a model, or None if there is none."""
    from kagglehub.clients import build_kaggle_client
    from kagglesdk.models.types.model_api_service import ApiGetModelRequest

    request = ApiGetModelRequest()
    request.owner_slug, request.model_slug = address.repository.split("/")
    with build_kaggle_client() as client:
        return _unless_missing(client.models.model_api_client.get_model, request)


def _refuse_existing(address: HubAddress, names: Sequence[str]) -> None:
    """Raise FileExistsError if one of the variations exists."""
    from kagglehub.clients import build_kaggle_client
    from kagglehub.handle import parse_model_handle
    from kagglesdk.models.types.model_api_service import ApiGetModelInstanceRequest

    for name in names:
        handle = parse_model_handle(f"{address.repository}/{name}")
        request = ApiGetModelInstanceRequest()
        request.owner_slug, request.model_slug = handle.owner, handle.model
        request.framework, request.instance_slug = handle.framework_enum(), handle.variation
        with publish_errors(address), build_kaggle_client() as client:
            found = _unless_missing(client.models.model_api_client.get_model_instance, request)
        if found is not None:
            raise FileExistsError(
                f"{address}/{name} exists; pass overwrite=True (--overwrite) to add a new version."
            )


def _unless_missing(call: Any, request: Any) -> Any:
    """Return the answer to a request, or None if there is nothing of that name."""
    import requests

    try:
        return call(request)
    except requests.HTTPError as error:
        # Kaggle answers so for what belongs to nobody, too.
        missing = (HTTPStatus.NOT_FOUND, HTTPStatus.FORBIDDEN)
        if error.response is not None and error.response.status_code in missing:
            return None
        raise


def _create_model(address: HubAddress, folder: Path, private: bool) -> None:
    """Make a model with its card; kagglehub alone would make one without, and always private."""
    from kagglehub.clients import build_kaggle_client
    from kagglehub.exceptions import handle_mutate_call
    from kagglesdk.models.types.model_api_service import ApiCreateModelRequest

    metadata = _read(folder / MODEL_METADATA_FILE)
    request = ApiCreateModelRequest()
    request.owner_slug, request.slug = address.repository.split("/")
    request.title, request.subtitle = metadata["title"], metadata["subtitle"]
    request.description = metadata["description"]
    request.provenance_sources = metadata["provenanceSources"]
    request.is_private = private
    with build_kaggle_client() as client:
        handle_mutate_call(lambda: client.models.model_api_client.create_model(request))
