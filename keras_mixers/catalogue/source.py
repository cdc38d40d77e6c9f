"""Facts about a released file of weights."""

from dataclasses import dataclass

from keras_mixers.catalogue.preprocessing import Preprocessing


@dataclass(frozen=True)
class Source:
    """A released file of weights.

    Attributes:
        variant: Name of the variant that it fits.
        name: Name to pass as `weights`.
        url: Address of the file.
        file: Name of the file in the cache, on a mirror, and in a local folder.
        dataset: The dataset that it was last trained on.
        classes: Number of classes of its head.
        licence: SPDX identifier of the licence of the weights.
        top1: Published accuracy in percent on the dataset's evaluation images, or None.
        top1_source: Where `top1` was published, or why it is None.
        preprocessing: Preprocessing of the images in its evaluation.
        activation: Activation that it was trained with, or None if that is the variant's.
        image_size: Height and width of the images that it was trained on, in pixels.
        size: Size of the file in bytes, or None if unknown.
        sha256: Checksum of the file in hexadecimal digits, or None if unknown.
    """

    variant: str
    name: str
    url: str
    file: str
    dataset: str
    classes: int
    licence: str
    top1: float | None
    top1_source: str
    preprocessing: Preprocessing
    activation: str | None = None
    image_size: int = 224
    size: int | None = None
    sha256: str | None = None


def hub_address(repository: str) -> str:
    """Return the address of the weights in a repository on the Hugging Face Hub.

    >>> hub_address("timm/convmixer_768_32.in1k")
    'https://huggingface.co/timm/convmixer_768_32.in1k/resolve/main/model.safetensors'
    """
    return f"https://huggingface.co/{repository}/resolve/main/model.safetensors"
