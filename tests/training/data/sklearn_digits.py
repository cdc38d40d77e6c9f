"""The digits as a tensorflow-datasets builder: data that need no network."""

import contextlib
import io
from collections.abc import Iterator
from pathlib import Path

import tensorflow_datasets as tfds

from training.data.sources.digits import NAMES, scans


class _NeverPublished(tfds.core.DatasetInfo):
    def initialize_from_bucket(self) -> None:
        """Don't look for more information on the network."""


class SklearnDigits(tfds.core.GeneratorBasedBuilder):
    """Splits `train` (1,433 scans) and `test` (364); once imported, `sklearn_digits` has a name."""

    VERSION = tfds.core.Version("1.0.0")

    def _info(self) -> tfds.core.DatasetInfo:
        image = tfds.features.Image(shape=(8, 8, 1))
        return _NeverPublished(
            builder=self,
            supervised_keys=("image", "label"),
            features=tfds.features.FeaturesDict(
                {"image": image, "label": tfds.features.ClassLabel(names=NAMES)}
            ),
        )

    def _split_generators(self, dl_manager: tfds.download.DownloadManager) -> dict:
        return {"train": self._generate_examples(False), "test": self._generate_examples(True)}

    def _generate_examples(self, held_out: bool) -> Iterator[tuple[int, dict]]:
        for i, scan in enumerate(scans()):
            if scan.held_out == held_out:
                yield i, {"image": scan.image, "label": scan.label}


def prepare(data_dir: Path) -> SklearnDigits:
    """Write the digits into a folder of tensorflow-datasets, and return their builder."""
    builder = SklearnDigits(data_dir=data_dir)
    offline = tfds.download.DownloadConfig(try_download_gcs=False)
    # It would announce a download, and show bars for two seconds of work.
    with contextlib.redirect_stdout(io.StringIO()), contextlib.redirect_stderr(io.StringIO()):
        builder.download_and_prepare(download_config=offline)
    return builder
