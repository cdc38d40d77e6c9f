"""Names in checkpoints of MLP-Mixer: timm's and Google's."""

from keras_mixers.weights import axis_orders as to
from keras_mixers.weights.layouts.layout import (
    Layout,
    Rule,
    affine_rules,
    flax_norm_rules,
    flax_rules,
    norm_rules,
)


def _mixer_phase(mlp: str, phase: str) -> tuple[Rule, ...]:
    """Rules for both Dense layers of an MLP in the older layout, which has more axes of size 1."""
    return tuple(
        Rule(f"{mlp}/dense_{i}/{part}", f"{phase}/{part}{i + 1}", to.squeezed)
        for i in (0, 1)
        for part in ("kernel", "bias")
    )


_TOKENS, _CHANNELS = "blocks.{i}.mlp_tokens", "blocks.{i}.mlp_channels"

MIXER_LAYOUTS = (
    Layout(
        "MLP-Mixer of timm",
        "timm",
        (
            *affine_rules("patch_embed/conv", "stem.proj", to.conv),
            *norm_rules("block_{i}/token_norm", "blocks.{i}.norm1"),
            *affine_rules("block_{i}/token_mlp/dense_0", f"{_TOKENS}.fc1", to.linear),
            *affine_rules("block_{i}/token_mlp/dense_1", f"{_TOKENS}.fc2", to.linear),
            *norm_rules("block_{i}/channel_norm", "blocks.{i}.norm2"),
            *affine_rules("block_{i}/channel_mlp/dense_0", f"{_CHANNELS}.fc1", to.linear),
            *affine_rules("block_{i}/channel_mlp/dense_1", f"{_CHANNELS}.fc2", to.linear),
            *norm_rules("norm", "norm"),
            *affine_rules("head", "head", to.linear),
        ),
    ),
    Layout(
        "MLP-Mixer of Google",
        "google",
        (
            *flax_rules("patch_embed/conv", "stem"),
            *flax_norm_rules("block_{i}/token_norm", "MixerBlock_{i}/LayerNorm_0"),
            *flax_rules("block_{i}/token_mlp/dense_0", "MixerBlock_{i}/token_mixing/Dense_0"),
            *flax_rules("block_{i}/token_mlp/dense_1", "MixerBlock_{i}/token_mixing/Dense_1"),
            *flax_norm_rules("block_{i}/channel_norm", "MixerBlock_{i}/LayerNorm_1"),
            *flax_rules("block_{i}/channel_mlp/dense_0", "MixerBlock_{i}/channel_mixing/Dense_0"),
            *flax_rules("block_{i}/channel_mlp/dense_1", "MixerBlock_{i}/channel_mixing/Dense_1"),
            *flax_norm_rules("norm", "pre_head_layer_norm"),
            *flax_rules("head", "head"),
        ),
    ),
    Layout(
        "MLP-Mixer of Google, older names",
        None,
        (
            *flax_rules("patch_embed/conv", "embedding"),
            *flax_norm_rules("block_{i}/token_norm", "Mixer/encoderblock_{i}/LayerNorm_0"),
            *_mixer_phase("block_{i}/token_mlp", "Mixer/encoderblock_{i}/token_mixing_phase_0"),
            *flax_norm_rules("block_{i}/channel_norm", "Mixer/encoderblock_{i}/LayerNorm_1"),
            *_mixer_phase("block_{i}/channel_mlp", "Mixer/encoderblock_{i}/channel_mixing_phase_0"),
            *flax_norm_rules("norm", "Mixer/encoder_norm"),
            *flax_rules("head", "head"),
        ),
    ),
)
