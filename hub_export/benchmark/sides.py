"""One network in one runtime, in a process of its own: `start` loads it, `seconds` times it."""

import os
from collections.abc import Callable
from pathlib import Path

import numpy as np

from hub_export.benchmark.runtimes import Call, Runtime
from hub_export.benchmark.turns import median_seconds
from hub_export.verification.worker import load_export

_network: list[Callable[[], np.ndarray]] = []


def start(runtime: Runtime, path: Path, pixels: np.ndarray, threads: int) -> np.ndarray:
    """Load the network at `path`, and return its output for pixels (B, H, W, C), uint8."""
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
    if runtime.form == "keras":
        _network[:] = [_load_keras(runtime.call, path, pixels, threads)]
    else:
        run = load_export(path, threads)
        _network[:] = [lambda: next(iter(run(pixels).values()))]
    return _network[0]()


def seconds(_: str) -> float:
    """Return the median time of a call."""
    return median_seconds(_network[0])


def _load_keras(call: Call, path: Path, pixels: np.ndarray, threads: int) -> Callable:
    import keras
    import tensorflow as tf

    from keras_mixers import api  # noqa: F401  # Registers layers, also where names load on demand.
    from keras_mixers.models.precision import in_bfloat16

    tf.config.threading.set_intra_op_parallelism_threads(threads)
    model = keras.models.load_model(path, compile=False)
    images = pixels.astype("float32")
    if call == "predict":
        return lambda: model.predict(images, verbose=0)
    if call == "eager":
        return lambda: np.asarray(model(images, training=False))
    network = in_bfloat16(model) if call == "bfloat16" else model
    graph = tf.function(
        lambda images: network(images, training=False),
        autograph=False,
        jit_compile=call == "xla",
    )
    tensor = tf.constant(images)
    return lambda: graph(tensor).numpy()
