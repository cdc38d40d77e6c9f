"""The two sides of `benchmarks.gpu`, each of which runs in a process with its library alone.

`start_timm` and `start_keras` build a network and return its logits; `seconds` then times one
batch, or one training step, in the same process.
"""

import os
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np

from benchmarks.training_sides import RATE, WEIGHT_DECAY
from tests.helpers.timm_variants import VARIANTS, random_images

INFERENCE, STEP = "inference", "training step"
_modes: dict[str, Callable[[], object]] = {}


def start_timm(name: str, batch: int, device: str, weights: Path) -> tuple[np.ndarray, str]:
    """Build timm's variant, compiled and in bfloat16, and write its random weights to a file.

    Returns:
        The logits, and the name of the device.

    Raises:
        ValueError: If torch finds no GPU.
    """
    import torch

    from tests.helpers import timm_reference

    if device == "cuda" and not torch.cuda.is_available():
        raise ValueError("torch finds no GPU; install its CUDA build, or choose --device cpu.")
    network = timm_reference.random_model(VARIANTS[name])
    timm_reference.write_weights(network, weights)
    network = network.to(device, memory_format=torch.channels_last)
    images = timm_reference.channels_first(random_images(batch))
    images = images.to(device, memory_format=torch.channels_last)
    labels = torch.arange(batch, device=device)
    optimizer = torch.optim.AdamW(network.parameters(), RATE, weight_decay=WEIGHT_DECAY)
    model = torch.compile(network)

    def predict() -> np.ndarray:
        network.eval()
        with torch.inference_mode(), torch.autocast(device, torch.bfloat16):
            return model(images).float().cpu().numpy()

    def step() -> float:
        network.train()
        optimizer.zero_grad(set_to_none=True)
        with torch.autocast(device, torch.bfloat16):
            loss = torch.nn.functional.cross_entropy(model(images), labels)
        loss.backward()
        optimizer.step()
        return loss.item()

    _modes.update({INFERENCE: predict, STEP: step})
    return predict(), torch.cuda.get_device_name() if device == "cuda" else device


def start_keras(name: str, batch: int, device: str, weights: Path) -> tuple[np.ndarray, str]:
    """Build our variant on JAX, compiled and in bfloat16, with the weights of a file.

    Returns:
        The logits, and the name of the device.
    """
    os.environ["KERAS_BACKEND"] = "jax"
    os.environ["JAX_PLATFORMS"] = device
    # The other side needs the same device's memory.
    os.environ["XLA_PYTHON_CLIENT_PREALLOCATE"] = "false"
    import jax
    import keras

    import keras_mixers

    keras.config.set_dtype_policy("mixed_bfloat16")
    model = keras_mixers.create_model(
        name, include_preprocessing=False, classifier_activation=None, weights=weights
    )
    model.compile(
        keras.optimizers.AdamW(RATE, weight_decay=WEIGHT_DECAY),
        keras.losses.SparseCategoricalCrossentropy(from_logits=True),
        jit_compile=True,
    )
    images = jax.numpy.asarray(random_images(batch))
    labels = np.arange(batch)
    forward = jax.jit(lambda *state: model.stateless_call(*state, training=False)[0])

    def predict() -> np.ndarray:
        trained, others = (
            [variable.value for variable in variables]
            for variables in (model.trainable_variables, model.non_trainable_variables)
        )
        return np.asarray(forward(trained, others, images), "float32")

    _modes.update({INFERENCE: predict, STEP: lambda: float(model.train_on_batch(images, labels))})
    return predict(), jax.devices()[0].device_kind


def seconds(mode: str) -> float:
    """Return how long a batch or a step takes, after one to warm up or to compile."""
    mode = mode.removeprefix("timm ").removeprefix("ours ")
    _modes[mode]()
    begun = time.perf_counter()
    _modes[mode]()
    return time.perf_counter() - begun
