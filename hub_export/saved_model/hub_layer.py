"""Uses SavedModels of TensorFlow Hub as layers of Keras 3."""

import inspect
import traceback
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.error import HTTPError

import keras
import tensorflow as tf
from keras.src.saving.serialization_lib import in_safe_mode

with warnings.catch_warnings():
    warnings.filterwarnings("ignore", "pkg_resources is deprecated", UserWarning)
    import tensorflow_hub

from hub_export.archive import ARCHIVE_ERRORS, SAVED_MODEL_FILE
from hub_export.trust import admit_saved_model

_EXPECTED = "expected a reusable SavedModel, a folder or the URL of its .tar.gz"


@keras.saving.register_keras_serializable(package="hub_export")
class HubLayer(keras.layers.Layer):
    """A reusable SavedModel, by this project or others, as a layer that can be called and trained.

    It does for Keras 3 what `tensorflow_hub.KerasLayer` does for Keras 2. While the layer is
    trainable, its regularization losses are added to the model's, and the SavedModel is told
    whether it runs in training mode, so that dropout is active and running statistics are updated.
    While the layer is frozen, it only runs inference.

    A SavedModel is a program. One with operators that may do more than compute, such as touch
    files, is refused unless you say that you trust its source. A `.keras` file keeps the weights,
    the handle and `trust`, but not the program; to load it, `keras.saving.load_model` needs this
    module to be imported, the SavedModel to be where it was, and `safe_mode=False`.

    Under a `tf.distribute` strategy, build the layer inside `strategy.scope()`. Each replica then
    has running statistics of its own, and those of the first replica are read and saved.

    Input and output are those of the SavedModel; for one that `export_saved_model` wrote, images
    (B, H, W, C), float32 in [0, 1], and float32 logits or features.

    Args:
        handle: A local folder, or anything else that `tensorflow_hub.resolve` takes.
        part: Name of a callable part of the SavedModel to use, such as "features" for the backbone
            of a classifier. By default, the SavedModel itself.
        trainable: Whether to train the weights that the SavedModel marks as trainable.
        trust: Whether to run a SavedModel that may do more than compute; see `admit_saved_model`.

    Raises:
        OSError: If there is nothing at `handle`, or its archive or its weights can't be read.
        ValueError: If it isn't a reusable SavedModel, is damaged, has no such part, or Keras
            doesn't run on TensorFlow.
        UntrustedModelError: If it may do more than compute, and isn't trusted.

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
        trust: bool = False,
        **kwargs: Any,
    ) -> None:
        # SavedModels take the dtype that they were traced for, whatever the global policy is.
        super().__init__(**{"dtype": "float32", **kwargs})
        if keras.backend.backend() != "tensorflow":
            raise ValueError(
                "HubLayer needs Keras to run on TensorFlow; received the backend "
                f"{keras.backend.backend()!r}. Set KERAS_BACKEND=tensorflow."
            )
        self.handle = str(handle)
        self.part = part
        self.trust = trust
        self._root = _load_saved_model(self.handle, trust)
        self._function = _callable_part(self._root, self.handle, part)
        self._takes_training = "training" in inspect.signature(self._function.__call__).parameters
        with keras.name_scope(self.name):
            self._shared = _keras_variables(self._function)
        self._penalties = list(getattr(self._function, "regularization_losses", []))
        self.trainable = trainable  # Set last, because it only affects weights tracked by now.
        # XLA can't compile strings and lookup tables, which other people's SavedModels may have.
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
        # Traces `call`, because Keras would assume that the output has the layer's dtype.
        return keras.Operation.compute_output_spec(self, inputs, training=False)

    def get_config(self) -> dict:
        return {
            **super().get_config(),
            "handle": self.handle,
            "part": self.part,
            "trust": self.trust,
        }

    @classmethod
    def from_config(cls, config: dict) -> "HubLayer":
        # The mode is None outside any deserialization, which Keras's own layers treat as safe too.
        if in_safe_mode() is not False:
            raise ValueError(
                "A HubLayer runs the program of the SavedModel at "
                f"{config.get('handle')!r}, which safe mode forbids; if you trust it, pass "
                "safe_mode=False or call keras.config.enable_unsafe_deserialization()."
            )
        return cls(**config)


def _load_saved_model(handle: str, trust: bool) -> Any:
    with _one_line_errors(handle):
        folder = tensorflow_hub.resolve(handle)
        found = tf.saved_model.contains_saved_model(folder)
    if not found:
        raise ValueError(f"{handle!r} has no file {SAVED_MODEL_FILE!r}; {_EXPECTED}.")
    admit_saved_model(folder, repr(handle), trust)
    with _one_line_errors(handle):
        return tensorflow_hub.load(folder)


@contextmanager
def _one_line_errors(handle: str) -> Iterator[None]:
    try:
        yield
    except (*ARCHIVE_ERRORS, tf.errors.OpError) as error:
        reason = str(error).strip().split("\n")[0].rstrip(".")
        _close_connections(error)
        raise OSError(f"{handle!r} can't be loaded ({reason}); {_EXPECTED}.") from error


def _close_connections(error: BaseException | None) -> None:
    """Close what tensorflow_hub leaves open to the frames of the errors that it raises."""
    while error is not None:
        if isinstance(error, HTTPError):
            error.close()
        traceback.clear_frames(error.__traceback__)
        error = error.__context__


def _callable_part(root: Any, handle: str, part: str | None) -> Any:
    """Return the part of a SavedModel to call; ValueError if it has no such callable part."""
    if part is not None:
        found = getattr(root, part, None)
        if not callable(found):
            raise ValueError(
                f"The SavedModel {handle!r} has no callable part {part!r}; give another name, or "
                "None for the SavedModel itself."
            )
        return found
    if not callable(root):
        raise ValueError(
            f"The SavedModel {handle!r} can't be called, so it isn't reusable: it only has the "
            f"signatures {sorted(root.signatures)}. For inference, use "
            "keras.layers.TFSMLayer(handle, call_endpoint=SIGNATURE)."
        )
    return root


def _keras_variables(function: Any) -> list[keras.Variable]:
    """Return Keras variables that share their values with a SavedModel's variables."""
    trainable = list(getattr(function, "trainable_variables", []))
    ids = {id(variable) for variable in trainable}
    others = [v for v in getattr(function, "variables", []) if id(v) not in ids]
    return [
        keras.Variable(
            variable,
            trainable=id(variable) in ids,
            dtype=variable.dtype.name,
            autocast=False,
            # Optimizers name their slots after the variable, where ":0" isn't valid.
            name=variable.name.split(":")[0].replace("/", "_"),
        )
        for variable in trainable + others
    ]
