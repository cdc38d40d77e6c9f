"""How fast the networks of a study are on this machine: in one process, in alternating rounds."""

import json
import os
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass
from pathlib import Path
from statistics import median

from hub_export.benchmark.turns import median_seconds, new_process, time_in_turns
from keras_mixers.atomic_files import write_atomically
from keras_mixers.json_files import read_json
from keras_mixers.run_files import MODEL_FILE
from keras_mixers.value_checks import check_number, check_object, excerpt
from training.comparison.outcomes import Outcome
from training.recipe import Recipe

SPEED_FILE = "speed.json"
ROUNDS = 5
_MOST = 1e12
_calls: dict[str, Callable[[], object]] = {}


@dataclass(frozen=True)
class Speed:
    """How fast a network is: images per second, a figure for each round.

    Attributes:
        training: of steps of its recipe, with augmentation left out.
        inference: of the saved model, in batches as in training.
    """

    training: tuple[float, ...]
    inference: tuple[float, ...]

    def images_per_second(self, kind: str) -> float:
        """Return the median of the "training" or the "inference" figures.

        >>> Speed((10.0, 30.0, 20.0), (1234.5,)).images_per_second("training")
        20.0
        """
        return median(getattr(self, kind))


def measure_speed(
    outcomes: Sequence[Outcome], data_dir: str | None = None, rounds: int = ROUNDS
) -> dict[str, Speed]:
    """Time the first finished run of each arm.

    All networks are in one new process and take turns; every second round runs in reverse order.

    Args:
        outcomes: runs.
        data_dir: folder of tensorflow-datasets; None: its default.
        rounds: number of figures for each network.

    Raises:
        ChildProcessError: if the process ends, perhaps for lack of memory.
    """
    first: dict[str, Outcome] = {}
    for outcome in outcomes:
        if outcome.measured is not None:
            first.setdefault(outcome.arm, outcome)
    try:
        with new_process() as process:
            # TensorFlow says on standard error how it starts. Errors come back as exceptions.
            nowhere = process.submit(os.open, os.devnull, os.O_WRONLY).result()
            process.submit(os.dup2, nowhere, 2).result()
            for arm, outcome in first.items():
                process.submit(_load, arm, outcome.folder, outcome.recipe, data_dir).result()
            modes = [f"{kind} {arm}" for arm in first for kind in ("training", "inference")]
            seconds = time_in_turns([(process, mode) for mode in modes], _seconds, rounds)
    except BrokenProcessPool:
        raise ChildProcessError(
            "The process that times the networks ended, perhaps for lack of memory; leave it out "
            "with --no-speed."
        ) from None
    return {
        arm: Speed(
            *(
                tuple(outcome.recipe.batch_size / each for each in seconds[f"{kind} {arm}"])
                for kind in ("training", "inference")
            )
        )
        for arm, outcome in first.items()
    }


def write_speeds(folder: Path, speeds: Mapping[str, Speed]) -> None:
    """Write what was measured into a study's folder."""
    content = {
        arm: {"training": list(speed.training), "inference": list(speed.inference)}
        for arm, speed in speeds.items()
    }
    with write_atomically(folder / SPEED_FILE, overwrite=True) as place:
        place.write_text(json.dumps(content, indent=2) + "\n", encoding="utf-8")


def read_speeds(folder: Path) -> dict[str, Speed]:
    """Return what `write_speeds` wrote; nothing if there is no such file.

    Raises:
        ValueError: if the file is damaged.
    """
    if not (folder / SPEED_FILE).is_file():
        return {}
    return read_json(folder / SPEED_FILE, "the speeds of a study", _check)


def _check(content: object) -> dict[str, Speed]:
    return {
        arm: Speed(*(_numbers(check_object(kinds), kind) for kind in ("training", "inference")))
        for arm, kinds in check_object(content).items()
    }


def _numbers(kinds: Mapping[str, object], kind: str) -> tuple[float, ...]:
    values = kinds.get(kind)
    if not isinstance(values, list) or not values:
        raise ValueError(f"{kind} must be a list of numbers; received {excerpt(values)}")
    return tuple(check_number(kind, value, 1e-9, _MOST) for value in values)


def _load(arm: str, run: Path, recipe: Recipe, data_dir: str | None) -> None:
    """Prepare a training step and a prediction of a run, in the process that times them."""
    import keras
    import tensorflow as tf

    from keras_mixers import api  # noqa: F401  # Registers layers.
    from training.devices import ONE_DEVICE
    from training.distributed.cluster import ALONE
    from training.run.setup import open_run

    tf.get_logger().setLevel("ERROR")  # That each network is traced is no fault.
    opened = open_run(recipe, ONE_DEVICE, ALONE, data_dir, quiet=True)
    images, labels = next(iter(opened.training_batches()))
    _calls[f"training {arm}"] = lambda: opened.trainer.train_on_batch(images, labels)
    model = keras.models.load_model(run / MODEL_FILE, compile=False)
    predict = tf.function(lambda images: model(images, training=False), autograph=False)
    _calls[f"inference {arm}"] = lambda: predict(images).numpy()
    for kind in ("training", "inference"):
        _calls[f"{kind} {arm}"]()  # Traced now.


def _seconds(mode: str) -> float:
    return median_seconds(_calls[mode])
