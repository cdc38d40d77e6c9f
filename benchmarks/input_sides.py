"""The sides of `benchmarks.input_pipeline`, each in a process of its own.

A process prints one number or, where a network trains on our stream, two: see `main`.
"""

import sys
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
from PIL import Image
from sklearn.datasets import load_sample_images

from training.augment import Augmentation
from training.recipes import find_recipe

RECIPE = "convmixer_768_32_imagenet"
OURS, TIMM, STEPS = "ours", "timm", "steps"
SIZE, BATCH = 224, 64
_BATCHES, _STEPS = 8, 4  # In a measurement.


def write_photos(folder: Path, count: int) -> None:
    """Write JPEG files of 500 x 375 pixels, ImageNet's usual size, as two classes."""
    random = np.random.default_rng(0)
    for index in range(count):
        photo = Image.fromarray(load_sample_images().images[index % 2])
        left, top = random.integers(0, 60), random.integers(0, 40)
        part = photo.crop((left, top, left + 560, top + 385)).resize((500, 375))
        (folder / f"class{index % 2}").mkdir(exist_ok=True)
        part.save(folder / f"class{index % 2}" / f"{index}.jpg", quality=92)


def images_per_second(stream: Iterator) -> float:
    """Time some batches, after two that fill the queues."""
    for _ in range(2):
        images, _labels = next(stream)
    if sorted(np.shape(images)) != sorted((BATCH, SIZE, SIZE, 3)):
        raise ValueError(f"A batch has the shape {np.shape(images)}; nothing was timed.")
    begun = time.perf_counter()
    for _ in range(_BATCHES):
        next(stream)
    return _BATCHES * BATCH / (time.perf_counter() - begun)


def seconds_of_steps(stream: Iterator, name: str) -> tuple[float, float]:
    """Train a variant; return the seconds of a step, and how many of them it waited for data."""
    import keras_mixers

    model = keras_mixers.create_model(name, classes=2)
    model.compile("adamw", "categorical_crossentropy")
    model.train_on_batch(*next(stream))  # This step builds the graph.
    begun, waited = time.perf_counter(), 0.0
    for _ in range(_STEPS):
        asked = time.perf_counter()
        batch = next(stream)
        waited += time.perf_counter() - asked
        model.train_on_batch(*batch)
    return (time.perf_counter() - begun) / _STEPS, waited / _STEPS


def augmentation() -> Augmentation:
    """Return the recipe's augmentation, with RandAugment at its mean magnitude.

    At the highest ones, timm 1.0.31 asks for 0 bits of a colour, which Pillow 13 refuses.
    """
    return replace(find_recipe(RECIPE).augmentation, rand_magnitude_std=0.0)


def our_stream(folder: Path) -> Iterator:
    """Return our batches of a recipe, as a run sees them."""
    from keras_mixers.catalogue.preprocessing import IMAGENET_MEAN, IMAGENET_STD
    from training.augment import make_policy
    from training.data import open_data, train_batches

    settings = augmentation()
    policy = make_policy(settings, (SIZE, SIZE), IMAGENET_MEAN, IMAGENET_STD)
    split = open_data(f"folder:{folder}").train
    return iter(train_batches(split, BATCH, 0, map_image=policy.image, map_batch=policy.batch))


def timm_stream(folder: Path, threads: int) -> Iterator:
    """Return timm's batches with the same augmentation."""
    import torch

    from tests.helpers.timm_reference import import_timm

    import_timm()
    from timm.data import Mixup, create_dataset, create_loader

    settings = augmentation()
    torch.set_num_threads(1)
    loader = create_loader(
        create_dataset("", folder),
        (3, SIZE, SIZE),
        BATCH,
        is_training=True,
        use_prefetcher=False,
        re_prob=settings.erase,
        re_mode="pixel",
        color_jitter=settings.color_jitter,
        auto_augment=f"rand-m{settings.rand_magnitude:g}-inc1",
        interpolation="random",
        num_workers=threads,
        device=torch.device("cpu"),
    )
    mix = Mixup(settings.mixup, settings.cutmix, num_classes=2)
    while True:
        for images, labels in loader:
            yield mix(images, labels)


def main(side: str, folder: str, last: str) -> None:
    """Print images per second of a side; of the side "steps", seconds of a step and of waiting.

    Args:
        side: OURS, TIMM or STEPS.
        folder: A folder of photos, one folder per class.
        last: The number of threads; for STEPS, the variant that trains.
    """
    if side == STEPS:
        print(*seconds_of_steps(our_stream(Path(folder)), last))
    elif side == OURS:
        print(images_per_second(our_stream(Path(folder))))
    else:
        print(images_per_second(timm_stream(Path(folder), int(last))))


if __name__ == "__main__":
    main(*sys.argv[1:])
