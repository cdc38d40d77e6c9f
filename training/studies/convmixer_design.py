"""ConvMixer's sizes and parts, one changed at a time, on scikit-learn's digits.

keras-mixers compare convmixer_design
"""

from training.studies.shared_recipes import DIGITS, LIMITS
from training.study import Arm, Series, Study

_ARGUMENTS = "model.arguments"
_BASE = "ConvMixer-64/4, patch 1, kernel 5"
_VALUES: dict[str, tuple[int, ...]] = {
    "hidden_dim": (32, 64, 128),
    "depth": (2, 4, 8),
    "patch_size": (1, 2, 4),
}
_VALUES["kernel_size"] = (3, 5, 7, 9)
_WORDS = {"hidden_dim": "Width", "depth": "Depth", "patch_size": "Patch", "kernel_size": "Kernel"}


def _label(name: str, value: int) -> str:
    is_base = DIGITS.model.arguments[name] == value
    return _BASE if is_base else f"{_WORDS[name]} {value}"


STUDY = Study(
    name="convmixer_design",
    question="Which of ConvMixer's sizes and parts matter?",
    recipe=DIGITS,
    arms=(
        Arm(_BASE),
        *(
            Arm(_label(name, value), {f"{_ARGUMENTS}.{name}": value})
            for name, values in _VALUES.items()
            for value in values
            if _label(name, value) != _BASE
        ),
        Arm("ReLU", {f"{_ARGUMENTS}.activation": "relu"}),
        Arm("No residual", {f"{_ARGUMENTS}.residual": False}),
        Arm("LayerNorm", {f"{_ARGUMENTS}.normalization": "layer"}),
    ),
    series=tuple(
        Series(word, f"{_ARGUMENTS}.{name}", tuple(_label(name, each) for each in _VALUES[name]))
        for name, word in _WORDS.items()
    ),
    limits=LIMITS,
)
