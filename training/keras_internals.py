"""What this project uses of Keras although Keras doesn't document it.

A new version of Keras may change any of these names; then the named test fails.

- `Model._maybe_symbolic_build`, overridden here. `fit` calls it to build missing variables from a
  batch, whose iterator it never finishes: that truncates what `tf.data.Dataset.cache` keeps, and
  fails with several workers.
  tests/training/loop/test_trainer.py: test_data_is_read_once_an_epoch_under_a_strategy.
- `Optimizer._all_reduce_sum_gradients`, replaced here. Optimizers sum gradients over replicas with
  it, but only after they have clipped them and looked for overflows on each replica alone.
  tests/training/distributed/test_strategy.py: test_keras_calls_the_method_that_is_replaced.
- `Layer._flatten_layers`, called here and in hub_export/tflite/integer_layers.py. `Model.layers`
  doesn't contain the layers inside other layers.
  The example of `batch_norms`; tests/hub_export/tflite/test_integer_layers.py.
- The name "seed_generator_state" of a layer's random seed, looked up here, so that replicas can
  draw different noise. The example of `random_seeds`.
- `Optimizer._get_variable_index`, `Adam._momentums`, `Adam._velocities`, used in
  training/optimizer/. An `update_step` finds a variable's moments in no other way.
  tests/training/test_optimizer.py: test_adamw_is_torchs_with_groups.
- `keras.src.saving.serialization_lib.in_safe_mode`, called in hub_export/saved_model/hub_layer.py.
  No public function tells whether a model is being loaded in safe mode.
  tests/hub_export/saved_model/test_hub_layer.py: test_safe_mode_refuses_the_program.
"""

from collections.abc import Callable, Sequence

import keras
import tensorflow as tf

ALL_REDUCE_METHOD = "_all_reduce_sum_gradients"
_SEED_NAME = "seed_generator_state"


class BuiltModel(keras.Model):
    """A model whose variables all exist before `fit` starts."""

    train_function: Callable | None
    test_function: Callable | None

    def _maybe_symbolic_build(self, iterator: object = None, data_batch: object = None) -> None:
        """Do nothing: there is nothing left to build."""


def sum_over_replicas(
    optimizer: keras.optimizers.Optimizer, loss: tf.Tensor, gradients: Sequence[tf.Tensor]
) -> tuple[tf.Tensor, Sequence[tf.Tensor]]:
    """Return the loss and the gradients summed over all replicas.

    From then on the optimizer takes its gradients as such sums and doesn't sum them again. Keras's
    own `fit` clips gradients, and looks for overflows, on each replica before it sums them.

    Args:
        optimizer: the optimizer whose `apply_gradients` is called next; other optimizers of its
            class are not changed.
        loss: loss of a replica's images, divided by the number of replicas, as Keras computes it.
        gradients: gradients of that loss.

    Raises:
        AttributeError: if this version of Keras has no such method.
    """
    inner = getattr(optimizer, "inner_optimizer", optimizer)  # Inside a LossScaleOptimizer.
    if not hasattr(type(inner), ALL_REDUCE_METHOD):
        raise AttributeError(
            f"{type(inner).__name__} has no method {ALL_REDUCE_METHOD}; Keras {keras.__version__} "
            "isn't supported."
        )
    setattr(inner, ALL_REDUCE_METHOD, lambda gradients_and_variables: gradients_and_variables)
    replica = tf.distribute.get_replica_context()
    loss, *gradients = replica.all_reduce(tf.distribute.ReduceOp.SUM, [loss, *gradients])
    return loss, gradients


def batch_norms(network: keras.Model) -> list[keras.layers.BatchNormalization]:
    """Return the BatchNormalization layers of a network, including those inside other layers.

    >>> import keras_mixers
    >>> len(batch_norms(keras_mixers.ConvMixer(8, depth=2, classes=5)))
    5
    """
    layers = network._flatten_layers()
    return [layer for layer in layers if isinstance(layer, keras.layers.BatchNormalization)]


def random_seeds(network: keras.Model) -> list[keras.Variable]:
    """Return the seeds from which a network's layers draw noise, such as dropout masks.

    >>> import keras_mixers
    >>> network = keras_mixers.MLPMixer(8, 1, 8, drop_rate=0.5, input_shape=(8, 8, 3), classes=2)
    >>> len(random_seeds(network))
    2
    """
    return [variable for variable in network.variables if variable.name == _SEED_NAME]
