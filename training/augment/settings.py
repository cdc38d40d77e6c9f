"""The settings of augmentation, as data. Needs neither Keras nor TensorFlow."""

from dataclasses import dataclass
from typing import Literal

from training.errors import RecipeError
from training.typed_fields import check_fields


@dataclass(frozen=True)
class Augmentation:
    """How training images are augmented; the steps are applied in the order of the fields.

    Attributes:
        policy: "reference": the papers' operations, with random choices that depend on a seed
            alone; "keras_cv": keras-cv's layers, whose random choices depend on the order of
            threads; "none": images are resized and cropped at the centre, and the other fields are
            ignored.
        crop: "random_resized": a random crop, resized, as in timm; "inception": the same, but drawn
            by TensorFlow and resized without antialiasing, as in Google's code; "pad": the image is
            resized to cover the model's input, padded with zeros and cropped at a random position;
            "none": the same without padding, cropped at the centre.
        crop_scale: smallest and largest area of a random crop, as a share of the image's area.
        crop_ratio: smallest and largest aspect ratio, width / height, of a random crop.
        pad: padding with zeros on each side, in pixels, for crop="pad".
        interpolation: filter of resizing and of timm's geometric operations; "random" draws
            bilinear or bicubic each time. keras-cv's random crop is always bilinear.
        flip: probability of flipping an image horizontally.
        rand_layers: number of RandAugment operations to apply in sequence; 0: no RandAugment.
        rand_operations: set of operations and scale of their strengths; ignored by the "keras_cv"
            policy, which has its own.
        rand_magnitude: mean strength of the operations, on a scale of 10 for "timm" (where it is
            the maximum), "google" (where it may be exceeded) and keras-cv, and of 30 for
            "torchvision".
        rand_magnitude_std: standard deviation of the strength.
        rand_probability: probability of applying each operation that was drawn.
        color_jitter: largest change of brightness, contrast and colour, as a share.
        mixup: alpha of the beta distribution that MixUp's share is drawn from; 0: no MixUp.
        cutmix: alpha of the beta distribution that CutMix's share is drawn from; 0: no CutMix.
        mix_probability: probability of mixing a batch.
        switch_probability: probability of CutMix rather than MixUp, if both are on.
        erase: probability of erasing a rectangle of an image, after mixing.
        erase_fill: "noise": standard normal in the model's normalised space, as in timm; "mean":
            the mean colour, as in torchvision.

    Raises:
        RecipeError: if a value has another type or is out of range.

    Example:

    >>> Augmentation(crop="pad", pad=4, erase=0.25).flip
    0.5
    """

    policy: Literal["reference", "keras_cv", "none"] = "reference"
    crop: Literal["random_resized", "inception", "pad", "none"] = "random_resized"
    crop_scale: tuple[float, float] = (0.08, 1.0)
    crop_ratio: tuple[float, float] = (3 / 4, 4 / 3)
    pad: int = 0
    interpolation: Literal["bilinear", "bicubic", "random"] = "bilinear"
    flip: float = 0.5
    rand_layers: int = 0
    rand_operations: Literal["timm", "google", "torchvision"] = "timm"
    rand_magnitude: float = 9.0
    rand_magnitude_std: float = 0.0
    rand_probability: float = 1.0
    color_jitter: float = 0.0
    mixup: float = 0.0
    cutmix: float = 0.0
    mix_probability: float = 1.0
    switch_probability: float = 0.5
    erase: float = 0.0
    erase_fill: Literal["noise", "mean"] = "noise"

    def __post_init__(self) -> None:
        check_fields(self)
        self._range("crop_scale", largest=1.0)
        self._range("crop_ratio")
        for name in (
            "flip",
            "rand_probability",
            "color_jitter",
            "mix_probability",
            "switch_probability",
            "erase",
        ):
            self._between(name, 0, 1)
        for name in ("pad", "rand_layers", "rand_magnitude_std", "mixup", "cutmix"):
            self._between(name, 0)
        self._between("rand_magnitude", 0, 30)
        if (self.crop == "pad") != (self.pad > 0):
            raise RecipeError(
                "Augmentation.pad must be above 0 with crop='pad', and 0 with any other; received "
                f"pad={self.pad} and crop={self.crop!r}."
            )

    def _between(self, name: str, least: float, most: float | None = None) -> None:
        value = getattr(self, name)
        if value < least or (most is not None and value > most):
            wanted = f"at least {least}" if most is None else f"from {least} to {most}"
            raise RecipeError(f"Augmentation.{name} must be {wanted}; received {value!r}.")

    def _range(self, name: str, largest: float | None = None) -> None:
        low, high = getattr(self, name)
        if not 0 < low <= high or (largest is not None and high > largest):
            limit = "" if largest is None else f" and at most {largest}"
            raise RecipeError(
                f"Augmentation.{name} must be two numbers above 0{limit}, the smaller first; "
                f"received {(low, high)!r}."
            )
