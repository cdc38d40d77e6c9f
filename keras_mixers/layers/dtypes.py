"""Data types for computations that need more than half precision."""

import keras


def at_least_float32(
    dtype: str | keras.DTypePolicy | None,
) -> str | keras.DTypePolicy:
    """Return the policy that `dtype` stands for, or "float32" if it computes in half precision.

    >>> at_least_float32("mixed_float16")
    'float32'
    """
    policy = keras.dtype_policies.get(dtype) if dtype is not None else keras.config.dtype_policy()
    return "float32" if policy.compute_dtype in ("float16", "bfloat16") else policy
