"""The rules for which variables decay."""

from typing import Literal, TypeAlias

import keras

Decayed: TypeAlias = Literal["all", "matrices", "kernels"]

# Class tokens and position tables, which have three axes but multiply nothing.
_VECTORS = ("token", "table")


def is_decayed(variable: keras.Variable, rule: Decayed) -> bool:
    """Tell whether weight decay applies to a variable.

    Args:
        variable: trainable variable of a model.
        rule: "all"; "matrices", as in timm: variables of two or more axes, except class tokens and
            position tables; or "kernels", as in Google's code.

    Raises:
        ValueError: if the rule is unknown.

    >>> import keras_mixers
    >>> model = keras_mixers.ConvMixer(8, 1, input_shape=(14, 14, 3), classes=2)
    >>> [v.path for v in model.trainable_variables if is_decayed(v, "matrices")][-1]
    'head/kernel'
    """
    if rule not in ("all", "matrices", "kernels"):
        raise ValueError(f"decayed must be 'all', 'matrices' or 'kernels'; received {rule!r}.")
    if rule == "kernels":
        return variable.name == "kernel"
    return rule == "all" or (len(variable.shape) > 1 and variable.name not in _VECTORS)
