"""TensorFlow Hub's SavedModels as layers of Keras 3."""

import inspect
import warnings
import zlib
from pathlib import Path
from typing import Any

import keras
import tensorflow as tf
from keras.src.saving.serialization_lib import in_safe_mode

with warnings.catch_warnings():
    warnings.filterwarnings("ignore", "pkg_resources is deprecated", UserWarning)
    import tensorflow_hub

EXPECTED = "expected a reusable SavedModel, a folder or the URL of its .tar.gz"


@keras.saving.register_keras_serializable(package="hub_export")
class HubLayer(keras.layers.Layer):
    """A reusable SavedModel, from here or from others, that is called and trained as a layer.

    What `tensorflow_hub.KerasLayer` is for Keras 2. While the layer is trainable, its
    regularization losses count, and the SavedModel is told whether it is trained, so that its
    dropout drops and its statistics move; while it is frozen, it only infers.

    A SavedModel is a program, which may do to this computer what any program may: take handles
    only from those you trust. A `.keras` file keeps the weights and the handle, not the program;
    `keras.saving.load_model` needs this module imported, the SavedModel where it was, and
    `safe_mode=False`.

    Under a `tf.distribute` strategy, build the layer inside `strategy.scope()`. Statistics then
    are each replica's own, and the first replica's are read and saved.

    Input and output: what the SavedModel says; for those of `export_saved_model`, images
    (B, H, W, C), float32 in [0, 1], to float32 logits or features.

    Args:
        handle: local folder, or whatever else `tensorflow_hub.resolve` takes.
        part: which of the SavedModel's callable parts to be, such as "features" for the backbone
            of a classifier; None for the SavedModel itself.
        trainable: whether to train the weights that the SavedModel says are trainable.

    Raises:
        OSError: if there is nothing at `handle`, or it cannot be read.
        ValueError: if what is there is no reusable SavedModel, or has no such part, or Keras does
            not run on TensorFlow.

    Example:

    >>> import tempfile
    >>> root = tf.train.Checkpoint()
    >>> root.__call__ = tf.function(lambda x: 2 * x, [tf.TensorSpec((None, 3), tf.float32)])
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     tf.saved_model.save(root, folder)
    ...     model = keras.Sequential([keras.Input((3,)), HubLayer(folder), keras.layers.Dense(1)])
    >>> model.layers[0](keras.ops.ones((1, 3))).numpy().tolist()
    [[2.0, 2.0, 2.0]]

    Reference: https://www.tensorflow.org/hub/reusable_saved_models; `tensorflow_hub.KerasLayer`.
    """

    def __init__(
        self,
        handle: str | Path,
        part: str | None = None,
        trainable: bool = True,
        **kwargs: Any,
    ) -> None:
        # SavedModels take the dtype they were traced for, whatever the global policy.
        super().__init__(**{"dtype": "float32", **kwargs})
        if keras.backend.backend() != "tensorflow":
            raise ValueError(
                "HubLayer needs Keras to run on TensorFlow; received the backend "
                f"{keras.backend.backend()!r}. Set KERAS_BACKEND=tensorflow."
            )
        self.handle = str(handle)
        self.part = part
        self._root = _load(self.handle)
        self._function = _callable_part(self._root, self.handle, part)
        self._takes_training = "training" in inspect.signature(self._function.__call__).parameters
        with keras.name_scope(self.name):
            self._shared = _keras_variables(self._function)
        self._penalties = list(getattr(self._function, "regularization_losses", []))
        self.trainable = trainable  # Only now: it reaches the weights that are tracked by then.
        # Strings and lookup tables, which others' SavedModels have, are beyond XLA.
        self.supports_jit = False
        self.built = True

    def call(self, inputs: Any, training: bool = False) -> Any:
        if self.trainable:
            for penalty in self._penalties:
                self.add_loss(penalty())
        if not self._takes_training:
            return self._function(inputs)
        return self._function(inputs, training=bool(training and self.trainable))

    def compute_output_shape(self, input_shape: Any) -> Any:
        inputs = keras.tree.map_shape_structure(
            lambda shape: keras.KerasTensor(shape, self.compute_dtype), input_shape
        )
        return keras.tree.map_structure(
            lambda output: output.shape, self.compute_output_spec(inputs)
        )

    def compute_output_spec(self, inputs: Any, training: bool = False) -> Any:
        # Traces `call`: Keras would take the output's dtype to be the layer's.
        return keras.Operation.compute_output_spec(self, inputs, training=False)

    def get_config(self) -> dict:
        return {**super().get_config(), "handle": self.handle, "part": self.part}

    @classmethod
    def from_config(cls, config: dict) -> "HubLayer":
        # Outside any deserialization it is None, which Keras's own layers take as safe, too.
        if in_safe_mode() is not False:
            raise ValueError(
                "A HubLayer runs the program of the SavedModel at "
                f"{config.get('handle')!r}, which safe mode forbids; if you trust it, pass "
                "safe_mode=False or call keras.config.enable_unsafe_deserialization()."
            )
        return cls(**config)


def _load(handle: str) -> Any:
    try:
        folder = tensorflow_hub.resolve(handle)
        if tf.saved_model.contains_saved_model(folder):
            return tensorflow_hub.load(folder)
    except (OSError, EOFError, ValueError, zlib.error, tf.errors.OpError) as error:
        reason = str(error).strip().split("\n")[0].rstrip(".")
        raise OSError(f"{handle!r} cannot be loaded ({reason}); {EXPECTED}.") from error
    raise ValueError(f"{handle!r} holds no file 'saved_model.pb'; {EXPECTED}.")


def _callable_part(root: Any, handle: str, part: str | None) -> Any:
    """Return the SavedModel's part of this name, or raise ValueError."""
    if part is not None:
        found = getattr(root, part, None)
        if not callable(found):
            raise ValueError(
                f"The SavedModel {handle!r} has no callable part {part!r}; expected another name, "
                "or None for the SavedModel itself."
            )
        return found
    if not callable(root):
        raise ValueError(
            f"The SavedModel {handle!r} cannot be called, so it is not reusable: it has only the "
            f"signatures {sorted(root.signatures)}. For inference, use "
            "keras.layers.TFSMLayer(handle, call_endpoint=SIGNATURE)."
        )
    return root


def _keras_variables(function: Any) -> list[keras.Variable]:
    """Return Keras's view of a SavedModel's variables: the values are shared, not copied."""
    trainable = list(getattr(function, "trainable_variables", []))
    ids = {id(variable) for variable in trainable}
    others = [v for v in getattr(function, "variables", []) if id(v) not in ids]
    return [
        keras.Variable(
            variable,
            trainable=id(variable) in ids,
            dtype=variable.dtype.name,
            autocast=False,
            # Optimizers name their slots after it, and ":0" is not valid there.
            name=variable.name.split(":")[0].replace("/", "_"),
        )
        for variable in trainable + others
    ]
