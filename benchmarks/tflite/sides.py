"""The two sides of `benchmarks.tflite`: Keras, which also writes the files, and LiteRT.

Each runs in a process of its own. Starting a side returns the logits of each of its modes, for one
image; `seconds_per_image` then times that image in one mode, in the same process.
"""

import os
import time
from collections.abc import Callable, Sequence
from concurrent.futures import Executor
from pathlib import Path
from statistics import median
from typing import TYPE_CHECKING

import numpy as np

from hub_export.benchmark.turns import time_in_turns
from tests.helpers.timm_variants import random_images

if TYPE_CHECKING:
    from hub_export.tflite.settings import Quantize

KERAS = "keras"
CALLS = 5
Logits = dict[str, np.ndarray]
_modes: dict[str, Callable[[], np.ndarray]] = {}


def random_pixels(count: int) -> np.ndarray:
    """Return images (B, 224, 224, 3) of whole numbers in [0, 255], as float32."""
    return np.clip(128 + 50 * random_images(count), 0, 255).round()


def start_keras(name: str, modes: "Sequence[Quantize]", threads: int, folder: Path) -> Logits:
    """Build a variant with random weights, and write one TFLite file per mode."""
    os.environ["KERAS_BACKEND"] = "tensorflow"
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
    import keras
    import tensorflow as tf

    import keras_mixers
    from hub_export.benchmark.random_weights import randomise_constants
    from hub_export.tflite.export import write_tflite

    tf.config.threading.set_intra_op_parallelism_threads(threads)
    keras.utils.set_random_seed(0)
    model = keras_mixers.create_model(name, classifier_activation=None)
    randomise_constants(model)
    for mode in modes:
        data = random_pixels(16) if mode == "int8" else None
        write_tflite(model, folder / f"{mode}.tflite", mode, data)
    image = tf.constant(random_pixels(1))
    forward = tf.function(lambda x: model(x, training=False), autograph=False)
    _modes[KERAS] = lambda: forward(image).numpy()
    return {KERAS: _modes[KERAS]()}


def start_litert(modes: Sequence[str], threads: int, folder: Path) -> Logits:
    """Load the files that `start_keras` wrote."""
    for mode in modes:
        _modes[mode] = _load(folder / f"{mode}.tflite", threads)
    return {mode: run() for mode, run in _modes.items()}


def _load(path: Path, threads: int) -> Callable[[], np.ndarray]:
    from ai_edge_litert.interpreter import Interpreter

    interpreter = Interpreter(str(path), num_threads=threads)
    interpreter.allocate_tensors()
    (entry,), (output,) = interpreter.get_input_details(), interpreter.get_output_details()
    image = np.resize(random_pixels(1), entry["shape"]).astype(entry["dtype"])
    scale, zero = output["quantization"]

    def run() -> np.ndarray:
        interpreter.set_tensor(entry["index"], image)
        interpreter.invoke()
        found = interpreter.get_tensor(output["index"])
        return scale * (found.astype("float32") - zero) if scale else found

    return run


def seconds_per_image(mode: str) -> float:
    """Return the median time of CALLS images, after a warm-up because the other side ran before."""
    _modes[mode]()
    durations = []
    for _ in range(CALLS):
        start = time.perf_counter()
        _modes[mode]()
        durations.append(time.perf_counter() - start)
    return median(durations)


def milliseconds_in_turns(
    turns: Sequence[tuple[Executor, str]], rounds: int
) -> dict[str, list[float]]:
    """Return how many milliseconds one image takes in each mode, one figure per round."""
    times = time_in_turns(turns, seconds_per_image, rounds)
    return {mode: [1000 * seconds for seconds in values] for mode, values in times.items()}
