"""What every layer of the library must pass: `run_layer_test`."""

import inspect
import json
from itertools import combinations
from pathlib import Path

import keras
import numpy as np
import tensorflow as tf

from tests.helpers.bfloat16 import crashes_in_bfloat16
from tests.helpers.rounding import assert_close, roundings_in
from tests.keras_mixers.layers.formulas import call, normal, randomize, weights
from tests.keras_mixers.layers.layer_case import LayerCase

# The policy, and what a layer returns under it.
POLICIES = {
    "float32": "float32",
    "mixed_bfloat16": "bfloat16",
    "mixed_float16": "float16",
    "float64": "float64",
}
if crashes_in_bfloat16():
    del POLICIES["mixed_bfloat16"]


def run_layer_test(case: LayerCase, folder: Path) -> None:
    """Check what must hold for every layer; `folder` is for files."""
    check_weights(case)
    check_draws(case)
    check_config(case)
    check_shapes(case)
    check_saving(case, folder)
    check_training_step(case)
    check_policies(case)
    check_graph(case)
    if case.masks:
        check_mask(case)


def check_weights(case: LayerCase) -> None:
    """The weights, their names, and which of them are trained."""
    layer = case.make()
    shapes = {path: value.shape for path, value in weights(layer).items()}
    assert shapes == {**case.trainable, **case.statistics, **case.fixed}
    trainable = {weight.path.split("/", 1)[1] for weight in layer.trainable_weights}
    assert trainable == set(case.trainable)


def check_draws(case: LayerCase) -> None:
    """No two weights of a layer start with the same numbers, nor do two layers; a seed does it."""
    keras.utils.set_random_seed(7)
    first, second = weights(case.make()), weights(case.make())
    keras.utils.set_random_seed(7)
    again = weights(case.make())
    for name, value in again.items():
        np.testing.assert_array_equal(value, first[name])
    drawn = {
        (i, name): value.ravel() / value.std()
        for i, layer in enumerate((first, second))
        for name, value in layer.items()
        if name not in case.statistics and name != "table" and value.std() > 0
    }
    for a, b in combinations(drawn, 2):
        size = min(drawn[a].size, drawn[b].size, 8)
        # Two laws scale the same numbers differently; their ratios would give them away.
        x, y = drawn[a][:size], drawn[b][:size]
        assert not np.allclose(x / x[0], y / y[0], rtol=1e-3), f"{a} and {b} start alike."


def check_config(case: LayerCase) -> None:
    """A layer can be rebuilt from its config, and from JSON."""
    layer = case.make(name="original")
    values = [value.astype("float32") for value in randomize(layer).values()]
    config = layer.get_config()
    own = set(inspect.signature(case.layer).parameters) - {"kwargs"}
    assert own <= set(config), "An argument of the constructor is missing in the config."
    assert own - {"dtype", "kernel_initializer", "bias_initializer"} <= set(case.arguments)
    for name, value in case.arguments.items():
        assert config[name] == value
    text = json.dumps(keras.saving.serialize_keras_object(layer))
    for copy in (
        case.layer.from_config(config),
        keras.saving.deserialize_keras_object(json.loads(text)),
    ):
        assert type(copy) is case.layer
        assert copy.get_config() == config
        if not copy.built:  # JSON holds the shape as well.
            copy.build(case.input_shape)
        copy.set_weights(values)
        np.testing.assert_array_equal(call(copy, case.inputs()), call(layer, case.inputs()))


def check_shapes(case: LayerCase) -> None:
    """Eager and symbolic shapes are what `compute_output_shape` says, unknown sizes included."""
    layer = case.make()
    assert layer.compute_output_shape(case.input_shape) == case.output_shape
    assert call(layer, case.inputs()).shape == case.output_shape
    for sizes in (case.input_shape[1:], *case.unknown):
        symbolic = case.layer(**case.arguments)(keras.Input(sizes)).shape
        assert symbolic == case.layer(**case.arguments).compute_output_shape((None, *sizes))
        expected = zip(symbolic, (None, *case.output_shape[1:]), strict=True)
        assert all(size in (None, known) for size, known in expected)
    assert symbolic[0] is None


def check_saving(case: LayerCase, folder: Path) -> None:
    """A model that holds the layer gives the same numbers after saving, bit for bit."""
    inputs = keras.Input(case.input_shape[1:])
    model = keras.Model(inputs, case.layer(**case.arguments, name="layer")(inputs))
    randomize(model)
    expected = call(model, case.inputs())
    model.save(folder / "model.keras")
    loaded = keras.saving.load_model(folder / "model.keras", safe_mode=True)
    np.testing.assert_array_equal(call(loaded, case.inputs()), expected)
    model.save_weights(folder / "model.weights.h5")
    fresh = keras.models.clone_model(model)
    fresh.load_weights(folder / "model.weights.h5")
    np.testing.assert_array_equal(call(fresh, case.inputs()), expected)


def check_training_step(case: LayerCase) -> None:
    """One compiled `fit` step gives every trainable weight a gradient, finite and not zero."""
    keras.utils.set_random_seed(0)
    inputs = keras.Input(case.input_shape[1:])
    layer = case.layer(**case.arguments)
    # A Dense layer before shows that the gradient goes through the layer as well.
    entrance = keras.layers.Dense(case.input_shape[-1], name="entrance")
    outputs = keras.layers.Dense(2, name="exit")(layer(entrance(inputs)))
    model = keras.Model(inputs, outputs)
    before = {**weights(entrance), **weights(layer)}
    # At a learning rate of 1, plain gradient descent moves each weight by its gradient.
    model.compile(keras.optimizers.SGD(1.0), "mse")
    targets = normal(*case.output_shape[:-1], 2, seed=3)
    history = model.fit(case.inputs(), targets, batch_size=case.input_shape[0], verbose=0)
    assert np.isfinite(history.history["loss"][0])
    after = {**weights(entrance), **weights(layer)}
    for name, value in after.items():
        assert np.all(np.isfinite(value)), f"The gradient of {name} is not finite."
        moved = np.any(value != before[name])
        assert moved == (name not in case.fixed), f"{name} {'moved' if moved else 'stayed'}."


def check_policies(case: LayerCase) -> None:
    """Under every dtype policy the output has its type, and the values of float64 up to that."""
    reference = case.make(dtype="float64")
    values = randomize(reference)
    expected = call(reference, case.inputs().astype("float64"))
    for policy, compute in POLICIES.items():
        layer = case.make(dtype=policy)
        layer.set_weights(list(values.values()))
        outputs = layer(case.inputs())
        if case.wide and compute in ("float16", "bfloat16"):
            compute = "float32"
        assert keras.backend.standardize_dtype(outputs.dtype) == compute
        assert layer.compute_dtype == compute
        assert {weight.dtype for weight in layer.weights} <= {layer.variable_dtype}
        for dtype in ("float16", "float64"):
            outputs_too = layer(case.inputs().astype(dtype))
            assert keras.backend.standardize_dtype(outputs_too.dtype) == compute
        assert_close(outputs, expected, _roundings(layer))
        keras.config.set_dtype_policy(policy)
        assert case.layer(**case.arguments).compute_dtype == compute
        keras.config.set_dtype_policy("float32")


def _roundings(layer: keras.layers.Layer) -> int:
    """Return how often a layer rounds: its sums, and what goes in and comes out."""
    return roundings_in(layer.weights) + 2


def check_graph(case: LayerCase) -> None:
    """In a graph without XLA, with unknown sizes, the values are those of eager execution."""
    layer = case.make()
    randomize(layer)
    expected = call(layer, case.inputs())
    for sizes in (case.input_shape[1:], *case.unknown):
        signature = [tf.TensorSpec((None, *sizes), "float32")]
        graph = tf.function(layer, input_signature=signature, jit_compile=False)
        assert_close(graph(case.inputs()), expected, _roundings(layer))


class _MaskOf(keras.layers.Layer):
    """Returns the mask that its input carries."""

    def __init__(self) -> None:
        super().__init__()
        self.supports_masking = True

    def call(
        self, inputs: keras.KerasTensor, mask: keras.KerasTensor | None = None
    ) -> keras.KerasTensor:
        return keras.ops.cast(mask, "bool")


def check_mask(case: LayerCase) -> None:
    """A mask goes through a functional model, and has one entry for each token of the output."""
    inputs = keras.Input(case.input_shape[1:])
    layer = case.layer(**case.arguments)
    model = keras.Model(inputs, _MaskOf()(layer(keras.layers.Masking()(inputs))))
    tokens = case.inputs()
    tokens[0, -2:] = 0
    batch, length = case.input_shape[:2]
    expected = np.ones(case.output_shape[:2], bool)
    expected[0, -2:] = False
    np.testing.assert_array_equal(call(model, tokens), expected)
    assert layer.compute_mask(tokens, None) is None
    assert case.output_shape[:2] in ((batch, length), (batch, length + 1))
