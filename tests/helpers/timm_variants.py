"""Which networks are compared with timm, on which images, and how close they must be."""

import numpy as np

# Every variant that both libraries have: our name, and timm's.
VARIANTS = {
    "convmixer_1536_20": "convmixer_1536_20",
    "convmixer_768_32": "convmixer_768_32",
    "convmixer_1024_20_p14": "convmixer_1024_20_ks9_p14",
    "mixer_s32": "mixer_s32_224",
    "mixer_s16": "mixer_s16_224",
    "mixer_b32": "mixer_b32_224",
    "mixer_b16": "mixer_b16_224",
    "mixer_l32": "mixer_l32_224",
    "mixer_l16": "mixer_l16_224",
    "vit_ti16": "vit_tiny_patch16_224",
    "vit_s32": "vit_small_patch32_224",
    "vit_s16": "vit_small_patch16_224",
    "vit_b32": "vit_base_patch32_224",
    "vit_b16": "vit_base_patch16_224",
    "vit_l32": "vit_large_patch32_224",
    "vit_l16": "vit_large_patch16_224",
    "deit_ti16": "deit_tiny_patch16_224",
    "deit_s16": "deit_small_patch16_224",
    "deit_b16": "deit_base_patch16_224",
    "deit_ti16_distilled": "deit_tiny_distilled_patch16_224",
    "deit_s16_distilled": "deit_small_distilled_patch16_224",
    "deit_b16_distilled": "deit_base_distilled_patch16_224",
    "resmlp_12": "resmlp_12_224",
    "resmlp_24": "resmlp_24_224",
    "resmlp_36": "resmlp_36_224",
    "resmlp_b24": "resmlp_big_24_224",
    "gmlp_ti16": "gmlp_ti16_224",
    "gmlp_s16": "gmlp_s16_224",
    "gmlp_b16": "gmlp_b16_224",
}
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
