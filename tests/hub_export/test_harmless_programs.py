"""What this project, Keras and Keras 2 write only computes, and is let through."""

from pathlib import Path

import keras
import pytest
import tensorflow as tf
import tensorflow_hub
import tf_keras

from hub_export.saved_model.hub_layer import HubLayer
from hub_export.trust import reaching_operators
from tests.helpers.export_models import Export, Exports
from tests.helpers.hostile_programs import write_program


def test_exports_only_compute(exported: Export) -> None:
    assert reaching_operators(exported.path) == []


@pytest.mark.parametrize("kind", ["features", "any size"])
def test_other_exports_only_compute(exports: Exports, kind: str) -> None:
    assert reaching_operators(exports[kind].path) == []


def test_what_keras_exports_only_computes(exports: Exports, tmp_path: Path) -> None:
    export = exports["MLPMixer"]
    layers = [keras.Input(export.model.input_shape[1:]), HubLayer(export.path, "features")]
    model = keras.Sequential([*layers, keras.layers.Dense(3)])
    model.export(tmp_path / "composed", verbose=False)
    assert reaching_operators(tmp_path / "composed") == []


@pytest.mark.slow
def test_what_keras_2_saves_only_computes(exports: Exports, tmp_path: Path) -> None:
    export = exports["MLPMixer"]
    model = tf_keras.Sequential(
        [
            tf_keras.Input(export.model.input_shape[1:]),
            tensorflow_hub.KerasLayer(str(export.path), trainable=True),
            tf_keras.layers.Reshape((5, 1)),
            tf_keras.layers.LSTM(2),
            tf_keras.layers.Dropout(0.5),
            tf_keras.layers.Dense(3),
        ]
    )
    model.compile("adam", "mse")
    tf.saved_model.save(model, str(tmp_path / "saved"))
    assert reaching_operators(tmp_path / "saved") == []


def test_tables_and_random_numbers_stay_in_memory(tmp_path: Path) -> None:
    rows = tf.lookup.KeyValueTensorInitializer(["a"], [1])
    tables = [
        tf.lookup.StaticHashTable(rows, -1),
        tf.lookup.experimental.MutableHashTable(tf.string, tf.int64, -1),
        tf.lookup.experimental.DenseHashTable(tf.int64, tf.int64, -1, -2, -3),
    ]
    generator = tf.random.Generator.from_seed(0)

    def reach() -> object:
        condition = tf.cond(generator.normal(()) > 0, lambda: 1.0, lambda: tf.random.normal(()))
        return tf.debugging.assert_greater(condition, -1e9)

    write_program(tmp_path / "a", reach, [*tables, generator])
    assert reaching_operators(tmp_path / "a") == []
