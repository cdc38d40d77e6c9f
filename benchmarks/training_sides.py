"""The sides of `benchmarks.training`; each mode runs in a process with its library alone.

`start` builds a network and returns the loss of its first step; `seconds_per_step` then times one
step, and `peak_memory` tells what the process needed, in the same process.
"""

import os
import resource
import time
from collections.abc import Callable
from contextlib import nullcontext
from pathlib import Path

import numpy as np

from tests.helpers.timm_variants import VARIANTS, random_images

OURS, BACKEND = "ours", "ours, TensorFlow's gradients"
NCHW, NHWC, COMPILED = "NCHW", "NHWC", "NHWC compiled"
RATE, WEIGHT_DECAY = 1e-5, 0.05
_steps: list[Callable[[], float]] = []


def start(mode: str, name: str, batch: int, threads: int, weights: Path) -> float:
    """Build a variant in one of the modes, take a step, and return its loss.

    timm's NCHW, which comes first, writes its random weights to `weights`; the others read them.
    """
    if mode in (OURS, BACKEND):
        step = _keras_step(mode, name, batch, threads, weights)
    else:
        step = _timm_step(mode, name, batch, threads, weights)
    _steps[:] = [step]
    return step()


def seconds_per_step(_: str) -> float:
    """Return how long one step takes, after a warm-up step because another process ran before."""
    _steps[0]()
    begun = time.perf_counter()
    _steps[0]()
    return time.perf_counter() - begun


def peak_memory() -> int:
    """Return the most memory that this process has had, in MB."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024


def _timm_step(
    mode: str, name: str, batch: int, threads: int, weights: Path
) -> Callable[[], float]:
    import torch

    from tests.helpers import timm_reference

    torch.set_num_threads(threads)
    network = timm_reference.random_model(VARIANTS[name]).train()
    if mode == NCHW:
        timm_reference.write_weights(network, weights)
    layout = torch.contiguous_format if mode == NCHW else torch.channels_last
    network = network.to(memory_format=layout)
    images = timm_reference.channels_first(random_images(batch)).to(memory_format=layout)
    labels = torch.arange(batch)
    optimizer = torch.optim.AdamW(network.parameters(), RATE, weight_decay=WEIGHT_DECAY)
    model = torch.compile(network) if mode == COMPILED else network

    def step() -> float:
        optimizer.zero_grad(set_to_none=True)
        loss = torch.nn.functional.cross_entropy(model(images), labels)
        loss.backward()
        optimizer.step()
        return loss.item()

    return step


def _keras_step(
    mode: str, name: str, batch: int, threads: int, weights: Path
) -> Callable[[], float]:
    os.environ["KERAS_BACKEND"] = "tensorflow"
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
    import keras
    import tensorflow as tf

    import keras_mixers
    from keras_mixers.gradients.use import backend_gradients

    tf.config.threading.set_intra_op_parallelism_threads(threads)
    model = keras_mixers.create_model(
        name, include_preprocessing=False, classifier_activation=None, weights=weights
    )
    model.compile(
        keras.optimizers.AdamW(RATE, weight_decay=WEIGHT_DECAY),
        keras.losses.SparseCategoricalCrossentropy(from_logits=True),
    )
    images, labels = tf.constant(random_images(batch)), np.arange(batch)

    def step() -> float:
        with backend_gradients() if mode == BACKEND else nullcontext():
            return float(model.train_on_batch(images, labels))

    return step
