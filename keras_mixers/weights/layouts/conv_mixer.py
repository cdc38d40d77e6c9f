"""Names in checkpoints of ConvMixer: timm's and the authors'."""

from keras_mixers.weights import axis_orders as to
from keras_mixers.weights.layouts.layout import Layout, Origin, affine_rules, batch_norm_rules


def _conv_mixer(name: str, origin: Origin, stem: str, block: str, head: str) -> Layout:
    return Layout(
        name,
        origin,
        (
            *affine_rules("patch_embed/conv", f"{stem}0", to.conv),
            *batch_norm_rules("patch_norm", f"{stem}2"),
            *affine_rules("block_{i}/depthwise", f"{block}.0.fn.0", to.depthwise),
            *batch_norm_rules("block_{i}/depthwise_norm", f"{block}.0.fn.2"),
            *affine_rules("block_{i}/pointwise", f"{block}.1", to.conv),
            *batch_norm_rules("block_{i}/pointwise_norm", f"{block}.3"),
            *affine_rules("head", head, to.linear),
        ),
        ignored=("num_batches_tracked",),
    )


CONV_MIXER_LAYOUTS = (
    _conv_mixer("ConvMixer of timm", "timm", "stem.", "blocks.{i}", "head"),
    _conv_mixer("ConvMixer of the authors", "authors", "", "{child}", "{head}"),
)
