"""Which networks are compared with timm, on which images, and how close they must be."""

import numpy as np

from hub_export.publish.timm_names import TIMM_NAMES as VARIANTS  # noqa: F401

# Those that timm has at 384 x 384 too.
LARGER = {
    "vit_ti16": "vit_tiny_patch16_384",
    "vit_s32": "vit_small_patch32_384",
    "vit_s16": "vit_small_patch16_384",
    "vit_b32": "vit_base_patch32_384",
    "vit_b16": "vit_base_patch16_384",
    "vit_l32": "vit_large_patch32_384",
    "vit_l16": "vit_large_patch16_384",
    "deit_b16": "deit_base_patch16_384",
    "deit_b16_distilled": "deit_base_distilled_patch16_384",
}

# How far the logits may be apart, as a share of the largest: float32 sums in another order.
TOLERANCE = 2e-5


def random_images(count: int, height: int = 224, width: int = 224) -> np.ndarray:
    """Return images (B, H, W, 3) of about unit variance, each with its own coarse pattern.

    Plain noise wouldn't do: its average over all positions is the same for every image.
    """
    random = np.random.default_rng(0)
    coarse = random.normal(size=(count, -(-height // 32), -(-width // 32), 3))
    patterns = coarse.repeat(32, axis=1).repeat(32, axis=2)[:, :height, :width]
    return (patterns + 0.3 * random.normal(size=patterns.shape)).astype("float32")


def relative_difference(ours: np.ndarray, reference: np.ndarray) -> float:
    """Return the largest difference as a share of the largest value of the reference."""
    return float(np.abs(ours - reference).max() / np.abs(reference).max())
