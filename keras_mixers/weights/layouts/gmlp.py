"""Names in checkpoints of gMLP: timm's."""

from keras_mixers.weights import axis_orders as to
from keras_mixers.weights.layouts.layout import Layout, affine_rules, norm_rules

GMLP_LAYOUTS = (
    Layout(
        "gMLP of timm",
        "timm",
        (
            *affine_rules("patch_embed/conv", "stem.proj", to.conv),
            *norm_rules("block_{i}/norm", "blocks.{i}.norm"),
            *affine_rules("block_{i}/dense_0", "blocks.{i}.mlp_channels.fc1", to.linear),
            *norm_rules("block_{i}/gate/norm", "blocks.{i}.mlp_channels.gate.norm"),
            *affine_rules(
                "block_{i}/gate/token_dense", "blocks.{i}.mlp_channels.gate.proj", to.linear
            ),
            *affine_rules("block_{i}/dense_1", "blocks.{i}.mlp_channels.fc2", to.linear),
            *norm_rules("norm", "norm"),
            *affine_rules("head", "head", to.linear),
        ),
    ),
)
