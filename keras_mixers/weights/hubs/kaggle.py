"""Downloads single files of a model on Kaggle."""

import contextlib
import logging
from collections.abc import Iterator, Sequence
from pathlib import Path, PurePosixPath

from keras_mixers.weights.hubs.address import HubAddress
from keras_mixers.weights.hubs.client_errors import one_line_of

_LOG = logging.getLogger("keras_mixers")
_NOT_FOUND = 404
_LOCK = ".keras_mixers.lock"


def download_from_kaggle(
    address: HubAddress, file: str, companions: Sequence[str]
) -> tuple[Path, str]:
    """Return the path of a file, and the version that it is of, with its companions beside it.

    All are of one version, lie in the cache of kagglehub, and are downloaded unless they are there.
    Which version is the newest, only Kaggle knows: without a connection, a version must be named.

    Args:
        address: The variation and its version.
        file: The file's path in the variation.
        companions: Names of files beside it, which the variation may lack.

    Raises:
        DownloadError: If it can't be downloaded, is damaged, or isn't there.
        ImportError: If kagglehub isn't installed.
    """
    with one_line_of(address), _one_at_a_time():
        import kagglehub
        import kagglehub.clients

        # That there is a newer client, it would print among a command's results.
        kagglehub.clients.already_printed_version_warning = True
        path = Path(kagglehub.model_download(_handle(address), file))
        version = address.revision or path.parents[file.count("/")].name
        for name in companions:
            companion = PurePosixPath(file).with_name(name)
            _download_if_there(address.at(version), str(companion))
    return path, version


def _download_if_there(address: HubAddress, file: str) -> None:
    import kagglehub
    import requests

    try:
        kagglehub.model_download(_handle(address), file)
    except requests.HTTPError as error:
        if error.response is None or error.response.status_code != _NOT_FOUND:
            raise
    except requests.ConnectionError:
        # The model itself came from the cache, so that this file would be there, too.
        _LOG.warning("%s: whether it has a file %s can't be asked for now.", address, file)


@contextlib.contextmanager
def _one_at_a_time() -> Iterator[None]:
    """Let only one process download into the cache: the client would mix what two of them write."""
    from filelock import FileLock
    from kagglehub.config import get_cache_folder

    with contextlib.ExitStack() as stack:
        with contextlib.suppress(OSError):  # Into a cache that is read-only, nobody writes.
            folder = Path(get_cache_folder())
            folder.mkdir(parents=True, exist_ok=True)
            stack.enter_context(FileLock(folder / _LOCK))
        yield


def _handle(address: HubAddress) -> str:
    """Return an address as Kaggle's client takes it."""
    return "/".join(filter(None, (address.repository, address.revision)))
