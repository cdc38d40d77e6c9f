"""SavedModels that do more than compute, small and quickly written."""

from collections.abc import Callable, Sequence
from pathlib import Path

import tensorflow as tf

SHAPE = (8, 8, 1)  # Of scikit-learn's digits.
CLASSES = 10


def write_program(
    folder: Path, reach: Callable[[], object] = tf.no_op, tracked: Sequence[object] = ()
) -> None:
    """Write a SavedModel with all that `export_saved_model` writes, which also calls `reach`.

    Args:
        folder: the folder to write.
        reach: function that returns an operator, which runs in every call.
        tracked: what the SavedModel initialises when it is loaded, such as tables.
    """
    root = tf.train.Checkpoint(scale=tf.Variable(1.0), tracked=list(tracked))

    @tf.function(autograph=False)
    def call(inputs: tf.Tensor, training: bool = False) -> tf.Tensor:
        with tf.control_dependencies([reach()]):
            return root.scale * tf.ones((tf.shape(inputs)[0], CLASSES))

    @tf.function(input_signature=[_images("images")], autograph=False)
    def serving_default(images: tf.Tensor) -> dict[str, tf.Tensor]:
        return {"logits": call(images)}

    for training in (False, True):
        call.get_concrete_function(_images("inputs"), training=training)
    root.__call__ = call
    tf.saved_model.save(root, str(folder), signatures=serving_default)


def write_file_writer(folder: Path, target: Path) -> None:
    """Write a SavedModel that writes the file `target` whenever it is called."""
    write_program(folder, lambda: tf.io.write_file(str(target), "owned"))


def _images(name: str) -> tf.TensorSpec:
    return tf.TensorSpec((None, *SHAPE), tf.float32, name=name)
