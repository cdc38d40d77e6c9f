"""Turns whatever the hubs' clients raise into an error of one line."""

import errno
from collections.abc import Iterator
from contextlib import contextmanager

from keras_mixers.printable import printable
from keras_mixers.weights.errors import DownloadError
from keras_mixers.weights.hubs.address import HubAddress

_LOGIN = {
    "hf": "log in with `hf auth login` or set HF_TOKEN",
    "kaggle": "put a token of your account's settings on Kaggle into KAGGLE_API_TOKEN",
}
_CACHE = {"hf": "HF_HOME", "kaggle": "KAGGLEHUB_CACHE"}
# By the names of the classes, so that the clients needn't be imported to know them. The first that
# is among an error's classes counts.
_REASONS = {
    "GatedRepoError": "its owner must give you access: ask for it on its page, then {login}",
    "RepositoryNotFoundError": "there is no such repository, or it is private; check the name, "
    "or {login}",
    "DisabledRepoError": "its owner or the hub has disabled it",
    "RevisionNotFoundError": "it has no such branch, tag or commit; check what follows the @",
    "RemoteEntryNotFoundError": "it has no such file",
    "DataCorruptionError": "the file arrived damaged; try again",
    "UnauthenticatedError": "the hub doesn't know you: {login}",
    "LocalTokenNotFoundError": "the hub doesn't know you: {login}",
    "CredentialError": "the hub doesn't know you: {login}",
    "LocalEntryNotFoundError": "the hub can't be reached, and the cache has no whole copy of it",
    "OfflineModeIsEnabled": "HF_HUB_OFFLINE forbids to ask the hub",
    "SSLError": "there is no secure connection",
    "Timeout": "no answer came in time",
    "TimeoutException": "no answer came in time",
    "ChunkedEncodingError": "the connection broke off",
    "RemoteProtocolError": "the connection broke off",
    "ConnectionError": "there is no connection to the hub",
    "ConnectError": "there is no connection to the hub",
    "NetworkError": "the connection broke off",
}
_STATUSES = {
    401: "the hub doesn't know you: {login}",
    403: "you have no access to it: check its name, its consent form on the hub, and {login}",
    404: "there is no such model, version or file, or it is private; check the address, or {login}",
    429: "the hub has had too many requests; try again later",
}


@contextmanager
def one_line_of(
    address: HubAddress, purpose: str = "be downloaded", kind: type[OSError] = DownloadError
) -> Iterator[None]:
    """Turn an error of a client in the block into an error of one line.

    Args:
        address: The address that the client is asked for.
        purpose: What can't be done.
        kind: The class of the error.

    Raises:
        OSError: Of that class, if the block raises any Exception but an ImportError.

    >>> with one_line_of(HubAddress("hf", "user/name")):
    ...     raise TimeoutError
    Traceback (most recent call last):
    keras_mixers.weights.errors.DownloadError: hf://user/name can't be downloaded: TimeoutError.
    """
    try:
        yield
    except (kind, ImportError):
        raise
    except Exception as error:
        raise kind(f"{address} can't {purpose}: {_reason(error, address.hub)}.") from error


def _reason(error: Exception, hub: str) -> str:
    """Return in a few words what went wrong; the clients' messages are pages."""
    while isinstance(error, RuntimeError) and isinstance(error.__cause__, Exception):
        error = error.__cause__  # Of a file among several.
    names = [kind.__name__ for kind in type(error).__mro__]
    login = _LOGIN[hub]
    status = getattr(getattr(error, "response", None), "status_code", None)
    for name, reason in _REASONS.items():
        if name in names:
            cause = error.__cause__
            answered = getattr(getattr(cause, "response", None), "status_code", None)
            if name == "LocalEntryNotFoundError" and answered is not None:
                return f"the hub answered {answered}, and the cache has no whole copy of it"
            return reason.format(login=login)
    if status is not None:
        return _STATUSES.get(status, f"the hub answered {status}").format(login=login)
    if isinstance(error, OSError) and error.errno == errno.ENOSPC:
        return f"the disk is full; free some space, or move the cache with {_CACHE[hub]}"
    if isinstance(error, OSError) and error.strerror:
        return f"{error.filename or 'the cache'}: {error.strerror}"
    line = (str(error).strip().splitlines() or [type(error).__name__])[0]
    return printable(line.rstrip("."))
