"""The model that `fit` trains: a network, one step of its training, and what is measured."""

from collections.abc import Callable, Sequence

import keras
import tensorflow as tf
from keras import ops

from training.keras_internals import BuiltModel, add_up, batch_norms
from training.loop.step_functions import Logs, evaluate_function, fit_function


class Trainer(BuiltModel):
    """A network with the training step of a run, for `compile(optimizer, loss)` and `fit`.

    It shares its weights with the network, which is what there is to save. The loss takes logits
    (B, classes) and labels of the same shape. `loss`, `top1` and `top5` are measured, the latter
    two as shares; a mixed image counts as one of the class that has most of it.

    Training batches are (images, labels (B, classes)); those to measure with are (images, labels
    (B,), integers).

    Made in the scope of a `tf.distribute` strategy, it gives the weights of one device: what all
    replicas computed is added up before the optimizer clips it, or looks for overflows. With
    `compile(steps_per_execution=...)`, `fit` needs `WholeEpochs` of `step_functions` among its
    callbacks if an epoch's steps do not divide by it.

    Args:
        network: images (B, H, W, C) to logits (B, classes).
        accumulate: each batch is computed in so many equal parts, one after the other, which
            takes memory for one of them; its gradient is the mean over the whole batch. What a
            network computes of a batch as such, as BatchNormalization does, it computes of a part.
        average_statistics: whether what the replicas' BatchNormalization has learnt, each of its
            own share, is averaged after each step.

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
        # Pixels stay what they are until the network has normalised them.
        super().__init__(name=network.name, autocast=False)
        self.network = network
        self.accumulate = accumulate
        self.classes = network.output.shape[-1]
        self._averaged = [
            statistic
            for norm in batch_norms(network)
            for statistic in (norm.moving_mean, norm.moving_variance)
            if average_statistics
        ]
        # Made here rather than by Keras in the first step, where a strategy would not have it.
        self._measures = [
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
        """What `fit` resets, and puts into its logs."""
        return self._measures

    def call(self, images: keras.KerasTensor, training: bool = False) -> keras.KerasTensor:
        return self.network(images, training=training)

    def train_step(self, data: tuple[tf.Tensor, tf.Tensor]) -> Logs:
        images, labels, _ = keras.utils.unpack_x_y_sample_weight(data)
        if self.accumulate == 1:
            loss, logits, gradients = self.backward(images, labels)
        else:
            loss, logits, gradients = self.backward_in_parts(images, labels)
        # The optimizer checks, scales and clips what it is given: what all devices computed.
        if self.distribute_strategy.num_replicas_in_sync > 1:
            loss, gradients = add_up(self.optimizer, loss, gradients)
            self._average_statistics()
        self.optimizer.apply_gradients(zip(gradients, self.trainable_variables, strict=True))
        return self._measured(loss, labels, logits)

    def _average_statistics(self) -> None:
        replica = tf.distribute.get_replica_context()
        # A copy, which has a device; what a variable is read as may have none.
        values = [tf.identity(statistic.value) for statistic in self._averaged]
        if values:
            values = replica.all_reduce(tf.distribute.ReduceOp.MEAN, values)
        for statistic, value in zip(self._averaged, values, strict=True):
            statistic.assign(value)

    def test_step(self, data: tuple[tf.Tensor, tf.Tensor]) -> Logs:
        images, labels, _ = keras.utils.unpack_x_y_sample_weight(data)
        labels = ops.one_hot(labels, self.classes)
        logits = self(images, training=False)
        loss = self.compute_loss(x=images, y=labels, y_pred=logits, training=False)
        # Keras divided it, for the sum over replicas; here each counts with its images.
        loss *= self.distribute_strategy.num_replicas_in_sync
        return self._measured(loss, labels, logits)

    def _measured(self, loss: tf.Tensor, labels: tf.Tensor, logits: tf.Tensor) -> Logs:
        mean, *shares = self._measures
        mean.update_state(loss, sample_weight=ops.shape(labels)[0])
        for share in shares:
            share.update_state(labels, logits)
        return self.get_metrics_result()

    def backward(
        self, images: tf.Tensor, labels: tf.Tensor
    ) -> tuple[tf.Tensor, tf.Tensor, Sequence[tf.Tensor]]:
        """Return the mean loss, the logits, and the gradients as the optimizer wants them."""
        with tf.GradientTape() as tape:
            logits = self(images, training=True)
            loss = self.compute_loss(x=images, y=labels, y_pred=logits, training=True)
            scaled = self.optimizer.scale_loss(loss)
        return loss, logits, tape.gradient(scaled, self.trainable_variables)

    def backward_in_parts(
        self, images: tf.Tensor, labels: tf.Tensor
    ) -> tuple[tf.Tensor, tf.Tensor, Sequence[tf.Tensor]]:
        """Return what `backward` returns, computed one part after the other."""
        count = self.accumulate
        images, labels = (
            tf.reshape(whole, [count, -1, *whole.shape[1:]]) for whole in (images, labels)
        )

        def add(i: tf.Tensor, loss: tf.Tensor, logits: tf.TensorArray, sums: list) -> tuple:
            part_loss, part_logits, gradients = self.backward(images[i], labels[i])
            sums = [total + gradient for total, gradient in zip(sums, gradients, strict=True)]
            return i + 1, loss + part_loss, logits.write(i, part_logits), sums

        _, loss, logits, sums = tf.while_loop(
            lambda i, *_: i < count,
            add,
            (
                0,
                0.0,
                tf.TensorArray("float32", count),
                [tf.zeros(variable.shape, variable.dtype) for variable in self.trainable_variables],
            ),
            parallel_iterations=1,  # The parts must not lie in memory together.
            maximum_iterations=count,
        )
        return loss / count, logits.concat(), [total / count for total in sums]
