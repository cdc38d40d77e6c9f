"""Downloads released weights.

It uses pooch, which retries, caches where users expect it, shows a progress bar, and doesn't need
torch. This module adds what pooch doesn't do: one of several processes downloads a file, files are
checked before they enter the cache, a local folder can take the place of the network, and every
error is one line.
"""

import os
import sys
from pathlib import Path

import pooch
import requests

from keras_mixers.atomic_files import write_atomically
from keras_mixers.catalogue.source import Source
from keras_mixers.weights.errors import DownloadError
from keras_mixers.weights.released_file import find_fault

CACHE_VARIABLE = "KERAS_MIXERS_CACHE"
URL_VARIABLE = "KERAS_MIXERS_WEIGHTS_URL"
_RETRIES = 2
_CHUNK = 1 << 20  # bytes; pooch flushes the file after each chunk, by default of 1024 bytes
_REASONS: tuple[tuple[type[Exception], str], ...] = (
    (requests.exceptions.ChunkedEncodingError, "the connection broke off"),
    (requests.exceptions.SSLError, "there is no secure connection"),
    (requests.exceptions.Timeout, "no answer came in time"),
    (requests.exceptions.ConnectionError, "there is no connection, or it stalled"),
)


def fetch(source: Source) -> Path:
    """Return the path of a released file, which is downloaded unless it is in the cache.

    The cache is `pooch.os_cache("keras_mixers")`, or the folder that the environment variable
    KERAS_MIXERS_CACHE names. KERAS_MIXERS_WEIGHTS_URL replaces the published address with a mirror
    (`https://.../`, to which the file's name is added) or with a local folder, whose file is used
    in place. Of two processes that fetch a file at the same time, one downloads it, and the other
    waits for it, which it says on stderr.

    Args:
        source: The released file, such as from `find_source`.

    Raises:
        DownloadError: An OSError, if the file can't be downloaded or stored, is not a checkpoint,
            or has another size or sha256 than `source`.

    Example:

    >>> from unittest import mock
    >>> from keras_mixers.catalogue.sources import find_source
    >>> import tempfile, zipfile
    >>> source, folder = find_source("mixer_b16", "imagenet"), Path(tempfile.mkdtemp())
    >>> zipfile.ZipFile(folder / source.file, "w").close()
    >>> with mock.patch.dict(os.environ, {"KERAS_MIXERS_WEIGHTS_URL": str(folder)}):
    ...     fetch(source).name
    'imagenet1k-Mixer-B_16.npz'
    """
    folder, mirror = _local_folder(), os.environ.get(URL_VARIABLE, "")
    if folder is not None:
        return _find_in_folder(folder, source)
    if mirror and not mirror.startswith(("http://", "https://")):
        raise DownloadError(
            f"{URL_VARIABLE} must be an address with http:// or https://, or a local folder; "
            f"received {mirror!r}."
        )
    path = _cached(source)
    if not path.exists() and _download(path, source, mirror):
        return path
    fault = find_fault(path, source)
    if fault:
        raise DownloadError(f"{path} {fault}; remove it, and it will be downloaded again.")
    return path


def local_path(source: Source) -> Path:
    """Return where a released file is, or would be, on this machine."""
    folder = _local_folder()
    return _cached(source) if folder is None else folder / source.file


def _local_folder() -> Path | None:
    """Return the folder that the environment names in place of an address, or None."""
    place = os.environ.get(URL_VARIABLE, "")
    return Path(place).expanduser() if place and "://" not in place else None


def cache_folder() -> Path:
    """Return the folder of downloads, and of what is known about the images of folders.

    >>> from unittest import mock
    >>> with mock.patch.dict(os.environ, {"KERAS_MIXERS_CACHE": "/data/cache"}):
    ...     cache_folder().name
    'cache'
    """
    return Path(os.environ.get(CACHE_VARIABLE) or pooch.os_cache("keras_mixers")).expanduser()


def _cached(source: Source) -> Path:
    return cache_folder() / source.file


def _find_in_folder(folder: Path, source: Source) -> Path:
    """Return the path of the file in the user's folder."""
    path = folder / source.file
    if not path.exists():
        raise DownloadError(
            f"{URL_VARIABLE} names the folder {str(folder)!r}, where {source.file!r} is missing; "
            f"put {source.url} there under this name."
        )
    fault = find_fault(path, source)
    if fault:
        raise DownloadError(f"{path} {fault}; replace it with {source.url}.")
    return path


def _download(path: Path, source: Source, mirror: str) -> bool:
    """Download a file into the cache, where it appears whole and checked or not at all.

    Returns:
        Whether it was downloaded; False: another process has done so meanwhile.
    """

    def say_so() -> None:
        print(f"Another process is downloading {source.file}; waiting for it.", file=sys.stderr)

    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with write_atomically(path, overwrite=False, on_wait=say_so) as place:
            _write_checked(place, source, mirror)
    except DownloadError:
        raise
    except OSError as error:
        if isinstance(error, FileExistsError) and path.exists():
            return False
        reason = error.strerror or getattr(error.__cause__, "strerror", None) or error
        raise DownloadError(
            f"The cache folder {str(path.parent)!r} can't hold {source.file} ({reason}); "
            f"set {CACHE_VARIABLE} to another folder."
        ) from error
    return True


def _write_checked(place: Path, source: Source, mirror: str) -> None:
    """Download a file to `place`."""
    store = pooch.create(
        path=place.parent,
        base_url=mirror,
        registry={source.file: None},
        urls={} if mirror else {source.file: source.url},
        retry_if_failed=_RETRIES,
    )
    url = store.get_url(source.file)
    http = pooch.HTTPDownloader(
        progressbar=sys.stderr.isatty() or "ipykernel" in sys.modules, chunk_size=_CHUNK
    )

    def download(_url: str, temporary: str, _store: pooch.Pooch) -> None:
        """Write the file that pooch will rename; pooch only retries after errors of requests."""
        try:
            http(url, temporary, store)
        except requests.HTTPError as error:
            if error.response is not None:
                error.response.close()  # pooch leaves it open
                if error.response.status_code >= 500:
                    raise
            raise _download_error(url, _reason(error)) from error
        fault = find_fault(Path(temporary), source)
        if fault:
            raise _download_error(url, f"the downloaded file {fault}")
        # Only its owner may read a temporary file, but a cache may be shared.
        Path(temporary).chmod(0o644)

    try:
        store.fetch(source.file, downloader=download)
    except DownloadError:
        raise
    except (requests.RequestException, ValueError) as error:  # ValueError: a malformed address
        raise _download_error(url, _reason(error)) from error


def _reason(error: Exception) -> str:
    """Return in a few words what went wrong; the messages of requests show its internals."""
    if isinstance(error, requests.HTTPError):
        return f"the server answered {str(error).split(' for url')[0]}"
    for kind, reason in _REASONS:
        if isinstance(error, kind):
            return reason
    return (str(error).splitlines() or [type(error).__name__])[0]


def _download_error(url: str, reason: str) -> DownloadError:
    return DownloadError(
        f"{url} could not be downloaded: {reason}. Try again, or set {URL_VARIABLE} to a mirror or "
        "to a folder that holds the file."
    )
