"""The two sides of `benchmarks.inference`, each of which runs in a process with its library alone.

`start_keras` and `start_timm` build a network and return the logits of each of its modes;
`seconds_per_batch` then times one batch in one mode, in the same process.
"""

import os
import shutil
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np

from tests.helpers.timm_variants import VARIANTS, random_images

OURS = "tf.function"
COMPILED = "NHWC compiled"
_modes: dict[str, Callable[[], np.ndarray]] = {}


def can_compile() -> bool:
    """Return whether there is the C++ compiler that `torch.compile` needs."""
    return shutil.which(os.environ.get("CXX", "g++")) is not None


def start_timm(name: str, batch: int, threads: int, weights: Path) -> dict[str, np.ndarray]:
    """Build timm's variant with random weights, and write these to the file `weights`."""
    import torch

    from tests.helpers import timm_reference

    torch.set_num_threads(threads)
    model = timm_reference.random_model(VARIANTS[name])
    timm_reference.write_weights(model, weights)
    images = timm_reference.channels_first(random_images(batch))

    def as_mode(model: torch.nn.Module, images: torch.Tensor) -> Callable[[], np.ndarray]:
        def run() -> np.ndarray:
            with torch.inference_mode():
                return model(images).numpy()

        return run

    _modes["NCHW"] = as_mode(model, images)
    nhwc = timm_reference.random_model(VARIANTS[name]).to(memory_format=torch.channels_last)
    images_nhwc = images.to(memory_format=torch.channels_last)
    _modes["NHWC"] = as_mode(nhwc, images_nhwc)
    if can_compile():
        _modes[COMPILED] = as_mode(torch.compile(nhwc), images_nhwc)
    return {key: run() for key, run in _modes.items()}


def start_keras(name: str, batch: int, threads: int, weights: Path) -> dict[str, np.ndarray]:
    """Build our variant with the weights of the file `weights`, as a TensorFlow graph."""
    os.environ["KERAS_BACKEND"] = "tensorflow"
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
    import tensorflow as tf

    import keras_mixers

    tf.config.threading.set_intra_op_parallelism_threads(threads)
    model = keras_mixers.create_model(
        name, include_preprocessing=False, classifier_activation=None, weights=weights
    )
    images = tf.constant(random_images(batch))
    forward = tf.function(lambda x: model(x, training=False))
    _modes[OURS] = lambda: forward(images).numpy()
    return {OURS: _modes[OURS]()}


def seconds_per_batch(mode: str) -> float:
    """Return how long one batch takes, after a warm-up batch because the other side ran before."""
    _modes[mode]()
    start = time.perf_counter()
    _modes[mode]()
    return time.perf_counter() - start
