"""scikit-learn's digits for tensorflow-datasets: real scans that need no network."""

import contextlib
import io
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import tensorflow_datasets as tfds

from training.data.sources.digits import NAMES as NAMES
from training.data.sources.digits import scans


class _NeverPublished(tfds.core.DatasetInfo):
    """What is known of a dataset that tensorflow-datasets need not look for on the network."""

    def initialize_from_bucket(self) -> None:
        pass


class SklearnDigits(tfds.core.GeneratorBasedBuilder):
    """1,797 scans of handwritten digits, 8 x 8 pixels, as scikit-learn ships them.

    An example is `{"image": uint8 (8, 8, 1) in [0, 255], "label": 0 to 9}`. The `test` split is
    the first of every five scans of a digit, 364 in all, and `train` the other 1,433. The same 13
    people wrote for both. Once this module is imported, `tfds.load("sklearn_digits")` finds it.

    Example:

    >>> SklearnDigits(data_dir="unused").info.features["label"].num_classes
    10

    Reference: E. Alpaydin and C. Kaynak, https://doi.org/10.24432/C50P49.
    """

    VERSION = tfds.core.Version("1.0.0")

    def _info(self) -> tfds.core.DatasetInfo:
        return _NeverPublished(
            builder=self,
            description="Handwritten digits, 8 x 8 pixels, as scikit-learn ships them.",
            homepage="https://archive.ics.uci.edu/dataset/80",
            license="CC BY 4.0",
            supervised_keys=("image", "label"),
            features=tfds.features.FeaturesDict(
                {
                    "image": tfds.features.Image(shape=(8, 8, 1)),
                    "label": tfds.features.ClassLabel(names=NAMES),
                }
            ),
        )

    def _split_generators(self, dl_manager: tfds.download.DownloadManager) -> dict:
        return {
            "train": self._generate_examples(held_out=False),
            "test": self._generate_examples(held_out=True),
        }

    def _generate_examples(self, held_out: bool) -> Iterator[tuple[int, dict]]:
        for i, scan in enumerate(scans()):
            if scan.held_out == held_out:
                yield i, {"image": scan.image, "label": scan.label}


def prepare(data_dir: str | Path) -> SklearnDigits:
    """Write the digits below `data_dir`, unless they are there, and return their builder.

    Nothing is downloaded. `prepare(data_dir).as_dataset("train", as_supervised=True)` is a
    `tf.data.Dataset` of (image, label).

    Args:
        data_dir: folder of tensorflow-datasets, made if need be.
    """
    builder = SklearnDigits(data_dir=data_dir)
    offline = tfds.download.DownloadConfig(try_download_gcs=False)
    # It would announce a download, and show bars for two seconds of work.
    with contextlib.redirect_stdout(io.StringIO()), contextlib.redirect_stderr(io.StringIO()):
        builder.download_and_prepare(download_config=offline)
    return builder


def arrays(builder: SklearnDigits, split: str) -> tuple[np.ndarray, np.ndarray]:
    """Return the images (B, 8, 8, 1), uint8, and the labels (B,), int64, of a split.

    Args:
        builder: of digits that are prepared.
        split: `"train"`, `"test"`, or a part such as `"train[:10%]"`.
    """
    whole = builder.as_dataset(split, batch_size=-1, as_supervised=True)
    images, labels = tfds.as_numpy(whole)
    return images, labels
