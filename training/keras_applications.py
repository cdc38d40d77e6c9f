"""The networks of keras.applications that can be trained. Needs neither Keras nor TensorFlow."""

from typing import Literal

from keras_mixers.catalogue.preprocessing import IMAGENET_MEAN, IMAGENET_STD, Preprocessing

PREFIX = "keras.applications."

# What `preprocess_input` does to pixels in [0, 255]; with "included", the network does it itself.
Mode = Literal["caffe", "tf", "torch", "included"]

_NAMES: dict[Mode, tuple[str, ...]] = {
    "caffe": ("ResNet50", "ResNet101", "ResNet152", "VGG16", "VGG19"),
    "tf": (
        *("ResNet50V2", "ResNet101V2", "ResNet152V2", "MobileNet", "MobileNetV2", "Xception"),
        *("InceptionV3", "InceptionResNetV2", "NASNetMobile", "NASNetLarge"),
    ),
    "torch": ("DenseNet121", "DenseNet169", "DenseNet201"),
    "included": (
        *(f"EfficientNetB{size}" for size in range(8)),
        *(f"EfficientNetV2{size}" for size in ("B0", "B1", "B2", "B3", "S", "M", "L")),
        *(f"ConvNeXt{size}" for size in ("Tiny", "Small", "Base", "Large", "XLarge")),
        *("MobileNetV3Small", "MobileNetV3Large"),
    ),
}
MODES: dict[str, Mode] = {PREFIX + name: mode for mode, names in _NAMES.items() for name in names}

_CAFFE_MEAN = (123.68 / 255, 116.779 / 255, 103.939 / 255)  # Red, green and blue.
_UNSCALED = (1 / 255,) * 3
_NORMALISATION: dict[Mode, tuple[tuple[float, float, float], tuple[float, float, float]]] = {
    "caffe": (_CAFFE_MEAN, _UNSCALED),
    "tf": ((0.5,) * 3, (0.5,) * 3),
    "torch": (IMAGENET_MEAN, IMAGENET_STD),
    "included": ((0.0,) * 3, _UNSCALED),
}


def application_preprocessing(name: str) -> Preprocessing:
    """Return the normalisation of a network's own `preprocess_input`, and the usual crop.

    Args:
        name: a key of `MODES`.

    >>> application_preprocessing("keras.applications.MobileNet").mean
    (0.5, 0.5, 0.5)
    """
    # Keras doesn't say how it cropped; 224 of 256 pixels is what most of the papers' authors did.
    return Preprocessing(*_NORMALISATION[MODES[name]], crop=0.875, interpolation="bilinear")


def find_application(name: str) -> str | None:
    """Return the full name of a network that is spelled with other case, or another prefix.

    >>> find_application("resnet50")
    'keras.applications.ResNet50'
    """
    short = name.replace("/", ".").rpartition(".")[2].lower()
    return next((each for each in MODES if each.removeprefix(PREFIX).lower() == short), None)
