"""What is known of a released file, as data."""

from dataclasses import dataclass

from keras_mixers.catalogue.preprocessing import Preprocessing


@dataclass(frozen=True)
class Source:
    """One released file.

    Attributes:
        variant: the variant that it fits.
        name: what `weights=` calls it.
        url: its address.
        file: its name in the cache, in a mirror, and in a local folder.
        dataset: what it was last trained on.
        classes: of its head.
        licence: of the weights, as SPDX names it.
        top1: accuracy in percent as published, on the dataset's evaluation images; None: none was.
        top1_source: where `top1` was published, or why it is None.
        preprocessing: what its images went through at evaluation.
        activation: of the network that was trained, where it is not the variant's; else None.
        image_size: height and width that it was trained at, in pixels.
        size: of the file, in bytes; None: not known.
        sha256: of the file, in hexadecimal digits; None: not known.
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
    """Return the address of the weights in a repository of the Hugging Face Hub.

    >>> hub_address("timm/convmixer_768_32.in1k")
    'https://huggingface.co/timm/convmixer_768_32.in1k/resolve/main/model.safetensors'
    """
    return f"https://huggingface.co/{repository}/resolve/main/model.safetensors"
