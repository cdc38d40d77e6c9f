"""What a run's data are, so that it goes on with the same."""

import json
from hashlib import sha256
from pathlib import Path
from typing import Any

from keras_mixers.json_files import read_json
from keras_mixers.value_checks import check_object, excerpt
from training.data import Data
from training.errors import RunFolderError
from training.run.folder import DATA_FILE, RunFolder


def remember_data(folder: RunFolder, data: Data, done: int, accept_other_data: bool) -> None:
    """Write down what the data are, or compare them with those that the run was begun with.

    Args:
        folder: folder of the run.
        data: data that the run is going to see.
        done: number of steps that are done.
        accept_other_data: whether to go on with other data; they are written down, too.

    Raises:
        RunFolderError: if the data differ from those before, unless that is accepted.
    """
    path = folder.path / DATA_FILE
    records = _read(path) if done and path.exists() else []
    record = describe_data(data)
    before = records[-1] if records else record
    differences = [
        f"{name} {excerpt(before.get(name))}, now {excerpt(value)}"
        for name, value in record.items()
        if before.get(name) != value
    ]
    if differences and not accept_other_data:
        raise RunFolderError(
            f"{str(folder.path)!r} was begun with other data ({'; '.join(differences)}); restore "
            "them, choose another folder, or go on all the same with --accept-other-data."
        )
    if differences or not records:
        records.append({"from_step": done, **record})
        folder.write_text(DATA_FILE, json.dumps(records, indent=2) + "\n")


def describe_data(data: Data) -> dict[str, Any]:
    """Return what tells data from others: how much there is, and digests of what it is, in order.

    >>> from training.data import open_data
    >>> describe_data(open_data("digits"))["validation images"]
    364
    """
    names = "\n".join(data.class_names).encode(errors="surrogateescape")
    return {
        "classes": data.num_classes,
        "training images": data.train.size,
        "validation images": data.validation.size,
        "digest of the classes": sha256(names).hexdigest()[:16],
        "digest of the training images": data.train.digest[:16],
        "digest of the validation images": data.validation.digest[:16],
    }


def _read(path: Path) -> list[dict[str, Any]]:
    try:
        return read_json(path, "a record of data", _check_records)
    except ValueError as error:
        raise RunFolderError(f"{error} Without it, the run goes on with any data.") from None


def _check_records(content: object) -> list[dict[str, Any]]:
    if not isinstance(content, list) or not content:
        raise ValueError(f"expected a list of records; received {excerpt(content)}")
    return [check_object(record) for record in content]
