"""Uploads a folder to the Hugging Face Hub, by its client."""

from collections.abc import Iterable
from pathlib import Path

from hub_export.publish.errors import publish_errors
from hub_export.publish.handle import parse_repository
from hub_export.publish.hugging_face import HUGGING_FACE_FILES
from hub_export.requirements import require_packages
from keras_mixers.run_files import MODEL_FILE
from keras_mixers.weights.hubs.address import HubAddress

# The hub writes these itself into each new repository.
_OF_THE_HUB = (".gitattributes",)


def upload_hugging_face(
    folder: str | Path, repository: str, *, private: bool = False, overwrite: bool = False
) -> str:
    """Upload a folder that `export_hugging_face` wrote, as one commit.

    Only files with the names that it writes are uploaded.

    The repository is made if it doesn't exist. Of an earlier model there, all files that the folder
    may have are replaced or removed; the repository's earlier commits keep them.

    Args:
        folder: The folder.
        repository: The repository, "user/name".
        private: Whether a new repository is private.
        overwrite: Whether the repository may hold files already.

    Returns:
        The address of the commit on the hub's pages.

    Raises:
        ValueError: If the repository's name is malformed, or it is public but should be private.
        FileNotFoundError: If the folder holds no model.
        FileExistsError: If it holds files, and they must stay.
        PublishError: An OSError, if the hub refuses or can't be reached.
        ImportError: If huggingface_hub isn't installed.

    Example:

    >>> upload_hugging_face("convmixer", "user/convmixer", private=True)  # doctest: +SKIP
    'https://huggingface.co/user/convmixer/commit/...'
    """
    if not Path(folder, MODEL_FILE).is_file():
        raise FileNotFoundError(f"{folder} has no {MODEL_FILE}; expected what was exported here.")
    exists = check_repository(repository, private=private, overwrite=overwrite)
    address = parse_repository(repository)
    with publish_errors(address):
        from huggingface_hub import HfApi

        api = HfApi(library_name="keras_mixers")
        if not exists:
            api.create_repo(address.repository, private=private)
        commit = api.upload_folder(
            repo_id=address.repository,
            folder_path=folder,
            allow_patterns=list(HUGGING_FACE_FILES),
            commit_message="Upload a model with keras-mixers",
            delete_patterns=[
                name for name in HUGGING_FACE_FILES if not Path(folder, name).exists()
            ],
        )
    return str(commit.commit_url)


def check_repository(repository: str, *, private: bool = False, overwrite: bool = False) -> bool:
    """Check that a model may be uploaded, before it is exported, which takes longer.

    Args and errors are those of `upload_hugging_face`.

    Returns:
        Whether the repository exists.
    """
    require_packages("hubs", "huggingface_hub")
    address = parse_repository(repository)
    _require_token(address)
    found = _find(address)
    if found is not None:
        is_private, files = found
        _check(address, files, private and not is_private, overwrite)
    return found is not None


def _require_token(address: HubAddress) -> None:
    from huggingface_hub import get_token
    from huggingface_hub.errors import LocalTokenNotFoundError

    with publish_errors(address):
        if get_token() is None:
            raise LocalTokenNotFoundError


def _find(address: HubAddress) -> tuple[bool, list[str]] | None:
    """Return whether a repository is private, and its files; None if there is none."""
    from huggingface_hub import HfApi
    from huggingface_hub.errors import RepositoryNotFoundError

    with publish_errors(address):
        try:
            info = HfApi(library_name="keras_mixers").model_info(address.repository)
        except RepositoryNotFoundError:
            return None
    return bool(info.private), [file.rfilename for file in info.siblings or ()]


def _check(
    address: HubAddress, files: Iterable[str], must_become_private: bool, overwrite: bool
) -> None:
    """Raise an error unless an existing repository may get the model."""
    if must_become_private:
        raise ValueError(
            f"{address} exists and is public; make it private in its settings on the hub, or "
            "leave out private=True (--private)."
        )
    held = [name for name in files if name not in _OF_THE_HUB]
    if held and not overwrite:
        raise FileExistsError(
            f"{address} exists and holds {held[0]}{' and more' * (len(held) > 1)}; pass "
            "overwrite=True (--overwrite) to add a commit that replaces the model there."
        )
