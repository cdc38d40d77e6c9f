"""Pictures and data sets of known content, and what to do with streams of them."""

from pathlib import Path

import numpy as np
import tensorflow_datasets as tfds
from PIL import Image

from training.data.random_access import ArraySplit

CLASSES = ("bird", "cat", "dog")


def picture(seed: int, width: int = 20, height: int = 16, mode: str = "RGB") -> Image.Image:
    """Return smooth noise, whose JPEG decoders differ little."""
    noise = np.random.default_rng(seed).integers(0, 256, (5, 5, 3), dtype=np.uint8)
    return Image.fromarray(noise).resize((width, height), Image.Resampling.BICUBIC).convert(mode)


def fill(
    folder: Path, images: int, classes: tuple[str, ...] = CLASSES, suffix: str = "jpg"
) -> None:
    """Write so many images into the folder of each class."""
    for label, name in enumerate(classes):
        (folder / name).mkdir(parents=True, exist_ok=True)
        for i in range(images):
            picture(100 * label + i).save(folder / name / f"{i}.{suffix}")


def numbered(size: int, classes: int = 4) -> ArraySplit:
    """Return images of one pixel whose first two channels spell their index."""
    index = np.arange(size)
    pixels = np.stack([index // 256, index % 256, index * 0], axis=-1).astype("uint8")
    return ArraySplit(pixels[:, None, None], index % classes, classes)


class ManyFiles(tfds.core.GeneratorBasedBuilder):
    """Ninety numbered images in several files."""

    VERSION = tfds.core.Version("1.0.0")
    SIZE = 90

    def _info(self) -> tfds.core.DatasetInfo:
        features = {
            "image": tfds.features.Image(shape=(None, None, 3)),
            "label": tfds.features.ClassLabel(num_classes=3),
        }
        return tfds.core.DatasetInfo(
            builder=self,
            features=tfds.features.FeaturesDict(features),
            supervised_keys=("image", "label"),
        )

    def _split_generators(self, dl_manager):
        return {"train": self._generate_examples()}

    def _generate_examples(self):
        for i in range(self.SIZE):
            yield i, {"image": np.full((4, 4, 3), i, np.uint8), "label": i % 3}


def take(stream, count):
    return [tuple(map(np.asarray, batch)) for batch in stream.take(count)]


def assert_same(one, other):
    assert len(one) == len(other)
    for a, b in zip(one, other, strict=True):
        np.testing.assert_array_equal(a[0], b[0])
        np.testing.assert_array_equal(a[1], b[1])


def join(slices):
    """Return whole batches of the workers' slices."""
    return [
        tuple(np.concatenate(part) for part in zip(*batch, strict=True))
        for batch in zip(*slices, strict=True)
    ]
