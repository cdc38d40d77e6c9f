"""The model that `fit` trains: a network with its training step and its metrics."""

from collections.abc import Callable, Sequence

import keras
import tensorflow as tf
from keras import ops

from training.keras_internals import BuiltModel, batch_norms, sum_over_replicas
from training.loop.step_functions import Logs, evaluate_function, fit_function


class Trainer(BuiltModel):
    """A network with the training step of a run, for `compile(optimizer, loss)` and `fit`.

    It shares its weights with the network; save the network, not the trainer. The loss takes
    logits (B, classes) and labels of the same shape. The metrics are `loss`, and `top1` and `top5`
    as fractions; a mixed image counts as an image of its largest class.

    Training batches are (images, labels (B, classes)). Validation batches are (images, labels
    (B,)), whose labels are integers.

    Created in the scope of a `tf.distribute` strategy, it trains the same weights as on one device:
    gradients are summed over the replicas before the optimizer clips them or looks for overflows.
    With `compile(steps_per_execution=...)`, `fit` needs the callback `WholeEpochs` of
    `step_functions`, unless the steps of an epoch are a multiple of it.

    Args:
        network: maps images (B, H, W, C) to logits (B, classes).
        accumulate: number of equal parts in which each batch is computed, one after the other, to
            save memory. The gradient is the mean over the whole batch, but BatchNormalization
            takes its statistics from each part.
        average_statistics: whether the moving statistics of BatchNormalization, which each replica
            updates from its own images, are averaged over the replicas after each step.

    Example:

    >>> import keras_mixers, numpy as np
    >>> network = keras_mixers.MLPMixer(
    ...     8, 1, 4, input_shape=(8, 8, 3), classes=2, classifier_activation=None
    ... )
    >>> model = Trainer(network, accumulate=2)
    >>> model.compile("sgd", keras.losses.CategoricalCrossentropy(from_logits=True))
    >>> sorted(model.train_on_batch(np.zeros((4, 8, 8, 3)), np.eye(2)[[0, 1, 0, 1]],
    ...                             return_dict=True))
    ['loss', 'top1', 'top5']
    """

    def __init__(
        self, network: keras.Model, accumulate: int = 1, average_statistics: bool = False
    ) -> None:
        # No autocast: pixels must not be rounded before the network has normalised them.
        super().__init__(name=network.name, autocast=False)
        self.network = network
        self.accumulate = accumulate
        self.classes = network.output.shape[-1]
        norms = batch_norms(network) if average_statistics else ()
        self._averaged_statistics = [
            statistic for norm in norms for statistic in (norm.moving_mean, norm.moving_variance)
        ]
        # Created in the strategy's scope; Keras would create them later, in the first step.
        self._step_metrics = [
            keras.metrics.Mean(name="loss"),
            keras.metrics.CategoricalAccuracy(name="top1"),
            keras.metrics.TopKCategoricalAccuracy(min(5, self.classes), name="top5"),
        ]
        self.built = True

    def make_train_function(self, force: bool = False) -> Callable:
        if self.train_function is None or force:
            self.train_function = fit_function(self, self.train_step)
        return self.train_function

    def make_test_function(self, force: bool = False) -> Callable:
        if self.test_function is None or force:
            self.test_function = evaluate_function(self, self.test_step)
        return self.test_function

    @property
    def metrics(self) -> list[keras.Metric]:
        """The metrics that `fit` resets before each epoch and adds to its logs."""
        return self._step_metrics

    def call(self, images: keras.KerasTensor, training: bool = False) -> keras.KerasTensor:
        return self.network(images, training=training)

    def train_step(self, data: tuple[tf.Tensor, tf.Tensor]) -> Logs:
        images, labels, _ = keras.utils.unpack_x_y_sample_weight(data)
        if self.accumulate == 1:
            loss, logits, gradients = self.backward(images, labels)
        else:
            loss, logits, gradients = self.backward_in_parts(images, labels)
        # Summed before the optimizer clips them, unscales them and looks for overflows.
        if self.distribute_strategy.num_replicas_in_sync > 1:
            loss, gradients = sum_over_replicas(self.optimizer, loss, gradients)
            self._average_statistics()
        self.optimizer.apply_gradients(zip(gradients, self.trainable_variables, strict=True))
        return self._update_metrics(loss, labels, logits)

    def _average_statistics(self) -> None:
        replica = tf.distribute.get_replica_context()
        # Copied, because the value that is read from a variable may have no device.
        values = [tf.identity(statistic.value) for statistic in self._averaged_statistics]
        if values:
            values = replica.all_reduce(tf.distribute.ReduceOp.MEAN, values)
        for statistic, value in zip(self._averaged_statistics, values, strict=True):
            statistic.assign(value)

    def test_step(self, data: tuple[tf.Tensor, tf.Tensor]) -> Logs:
        images, labels, _ = keras.utils.unpack_x_y_sample_weight(data)
        labels = ops.one_hot(labels, self.classes)
        logits = self(images, training=False)
        loss = self.compute_loss(x=images, y=labels, y_pred=logits, training=False)
        # Keras divides it for a sum over replicas; here it is weighted by the number of images.
        loss *= self.distribute_strategy.num_replicas_in_sync
        return self._update_metrics(loss, labels, logits)

    def _update_metrics(self, loss: tf.Tensor, labels: tf.Tensor, logits: tf.Tensor) -> Logs:
        mean_loss, *accuracies = self._step_metrics
        mean_loss.update_state(loss, sample_weight=ops.shape(labels)[0])
        for accuracy in accuracies:
            accuracy.update_state(labels, logits)
        return self.get_metrics_result()

    def backward(
        self, images: tf.Tensor, labels: tf.Tensor
    ) -> tuple[tf.Tensor, tf.Tensor, Sequence[tf.Tensor]]:
        """Return the mean loss, the logits, and the gradients of the scaled loss."""
        with tf.GradientTape() as tape:
            logits = self(images, training=True)
            loss = self.compute_loss(x=images, y=labels, y_pred=logits, training=True)
            scaled = self.optimizer.scale_loss(loss)
        return loss, logits, tape.gradient(scaled, self.trainable_variables)

    def backward_in_parts(
        self, images: tf.Tensor, labels: tf.Tensor
    ) -> tuple[tf.Tensor, tf.Tensor, Sequence[tf.Tensor]]:
        """Return the same as `backward`, computed in parts, one after the other."""
        count = self.accumulate
        images, labels = (
            tf.reshape(whole, [count, -1, *whole.shape[1:]]) for whole in (images, labels)
        )

        def add_part(i: tf.Tensor, loss: tf.Tensor, logits: tf.TensorArray, sums: list) -> tuple:
            part_loss, part_logits, gradients = self.backward(images[i], labels[i])
            sums = [total + gradient for total, gradient in zip(sums, gradients, strict=True)]
            return i + 1, loss + part_loss, logits.write(i, part_logits), sums

        _, loss, logits, sums = tf.while_loop(
            lambda i, *_: i < count,
            add_part,
            (
                0,
                0.0,
                tf.TensorArray("float32", count),
                [tf.zeros(variable.shape, variable.dtype) for variable in self.trainable_variables],
            ),
            parallel_iterations=1,  # Only one part must be in memory at a time.
            maximum_iterations=count,
        )
        return loss / count, logits.concat(), [total / count for total in sums]
