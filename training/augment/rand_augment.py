"""RandAugment and colour jitter of single images."""

import tensorflow as tf

from training.augment import operations, pixels, random_draws
from training.augment.operations import Draw, Operation
from training.augment.settings import Augmentation


def choose_operations(settings: Augmentation, mean: tuple[float, ...]) -> dict[str, Operation]:
    """Return the operations of the settings' set; `mean` is the mean colour in [0, 1]."""
    if settings.rand_operations == "timm":
        fill = tuple(float(min(255, round(255 * channel))) for channel in mean)
        return operations.timm(fill, settings.interpolation)
    grey = 128.0 if settings.rand_operations == "google" else 0.0
    operations_of_set = getattr(operations, settings.rand_operations)
    return operations_of_set((grey,) * len(mean))


def draw_operation(settings: Augmentation, seed: tf.Tensor, count: int) -> tuple[tf.Tensor, Draw]:
    """Return the index of a random operation and its draw; the index `count` stands for none."""
    choice, strength = random_draws.split(seed, 2)
    shares = random_draws.uniform(choice, (5,))
    noise = tf.random.stateless_normal((), strength)
    magnitude = settings.rand_magnitude + settings.rand_magnitude_std * noise
    largest = {"timm": 10.0, "google": float("inf"), "torchvision": 30.0}[settings.rand_operations]
    unit = 30.0 if settings.rand_operations == "torchvision" else 10.0
    draw = Draw(
        level=tf.clip_by_value(magnitude, 0.0, largest) / unit,
        sign=tf.where(shares[0] < 0.5, -1.0, 1.0),
        first=shares[1],
        second=shares[2],
    )
    index = random_draws.below(shares[3], count)
    return tf.where(shares[4] < settings.rand_probability, index, count), draw


def rand_augment(
    image: tf.Tensor, seed: tf.Tensor, settings: Augmentation, chosen: dict[str, Operation]
) -> tf.Tensor:
    """Apply `settings.rand_layers` random operations to whole numbers in [0, 255] (H, W, C).

    Reference: Cubuk et al., https://arxiv.org/abs/1909.13719.
    """
    for layer in random_draws.split(seed, settings.rand_layers):
        index, draw = draw_operation(settings, layer, len(chosen))
        image = _apply(image, index, draw, [*chosen.values(), _unchanged])
    return image


def color_jitter(image: tf.Tensor, seed: tf.Tensor, most: float) -> tf.Tensor:
    """Change brightness, contrast and colour by up to `most`, in random order, as torchvision."""
    order, factors = random_draws.split(seed, 2)
    changes = (pixels.brightness, pixels.contrast, pixels.color)
    drawn = random_draws.uniform(factors, (len(changes),), 1.0 - most, 1.0 + most)
    places = tf.random.experimental.stateless_shuffle(tf.range(len(changes)), order)
    for place in range(len(changes)):
        branches = [
            lambda image=image, change=change, factor=drawn[k]: change(image, factor)
            for k, change in enumerate(changes)
        ]
        image = tf.switch_case(places[place], branches)
    return image


def _apply(image: tf.Tensor, index: tf.Tensor, draw: Draw, choices: list[Operation]) -> tf.Tensor:
    branches = [lambda operation=operation: operation(image, draw) for operation in choices]
    return tf.ensure_shape(tf.switch_case(index, branches), image.shape)


def _unchanged(image: tf.Tensor, draw: Draw) -> tf.Tensor:
    return tf.identity(image)
