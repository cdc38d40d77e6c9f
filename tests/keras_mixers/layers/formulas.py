"""The parts that the papers' formulas share, in numpy and float64, and random weights for them."""

import math

import keras
import numpy as np

Weights = dict[str, np.ndarray]


def normal(*shape: int, seed: int = 0) -> np.ndarray:
    """Return standard normal numbers, the same ones for the same shape and seed."""
    return np.random.default_rng(seed).normal(size=shape)


def randomize(layer: keras.layers.Layer, seed: int = 1) -> Weights:
    """Give every weight of a built layer a random value, and return them by name, in float64.

    Initial values would hide mistakes: biases of 0 and scales of 1 have no effect.
    """
    rng = np.random.default_rng(seed)
    for weight in layer.weights:
        positive = weight.path.endswith(("gamma", "moving_variance"))
        random = rng.uniform(0.5, 1.5, weight.shape)
        weight.assign(random if positive else rng.normal(0, 0.3, weight.shape))
    return weights(layer)


def weights(layer: keras.layers.Layer) -> Weights:
    """Return the weights of a layer in float64, by their paths below the layer."""
    return {
        weight.path.split("/", 1)[1]: np.array(keras.ops.convert_to_numpy(weight), "float64")
        for weight in layer.weights
    }


def call(layer: keras.layers.Layer, *args: object, **kwargs: object) -> np.ndarray:
    """Call a layer and return its output as an array."""
    return keras.ops.convert_to_numpy(layer(*args, **kwargs))


def gelu(x: np.ndarray) -> np.ndarray:
    return np.vectorize(lambda t: t * (1 + math.erf(t / math.sqrt(2))) / 2)(x)


def softmax(x: np.ndarray) -> np.ndarray:
    e = np.exp(x - x.max(axis=-1, keepdims=True))
    return e / e.sum(axis=-1, keepdims=True)


def layer_norm(x: np.ndarray, w: Weights, name: str, epsilon: float) -> np.ndarray:
    centred = x - x.mean(axis=-1, keepdims=True)
    variance = (centred**2).mean(axis=-1, keepdims=True)
    return centred / np.sqrt(variance + epsilon) * w[f"{name}/gamma"] + w[f"{name}/beta"]


def dense(x: np.ndarray, w: Weights, name: str) -> np.ndarray:
    return x @ w[f"{name}/kernel"] + w.get(f"{name}/bias", 0)


def mlp(x: np.ndarray, w: Weights, name: str) -> np.ndarray:
    return dense(gelu(dense(x, w, f"{name}/dense_0")), w, f"{name}/dense_1")
