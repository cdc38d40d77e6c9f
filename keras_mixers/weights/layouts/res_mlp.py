"""Names in checkpoints of ResMLP: timm's and the authors'."""

from keras_mixers.weights import axis_orders as to
from keras_mixers.weights.axis_orders import AxisOrder
from keras_mixers.weights.layouts.layout import Layout, Origin, Rule, affine_rules


def _affine_layer(weight: str, key: str, order: AxisOrder) -> tuple[Rule, ...]:
    """Rules for ResMLP's affine layer."""
    return tuple(Rule(f"{weight}/{part}", f"{key}.{part}", order) for part in ("alpha", "beta"))


def _res_mlp(
    name: str, origin: Origin, vector: AxisOrder, stem: str, tokens: str, channels: str, scale: str
) -> Layout:
    return Layout(
        name,
        origin,
        (
            *affine_rules("patch_embed/conv", f"{stem}.proj", to.conv),
            *_affine_layer("block_{i}/token_affine", "blocks.{i}.norm1", vector),
            *affine_rules("block_{i}/token_dense", f"blocks.{{i}}.{tokens}", to.linear),
            Rule("block_{i}/token_scale/gamma", f"blocks.{{i}}.{scale}1"),
            *_affine_layer("block_{i}/channel_affine", "blocks.{i}.norm2", vector),
            *affine_rules(
                "block_{i}/channel_mlp/dense_0", f"blocks.{{i}}.{channels}.fc1", to.linear
            ),
            *affine_rules(
                "block_{i}/channel_mlp/dense_1", f"blocks.{{i}}.{channels}.fc2", to.linear
            ),
            Rule("block_{i}/channel_scale/gamma", f"blocks.{{i}}.{scale}2"),
            *_affine_layer("norm", "norm", vector),
            *affine_rules("head", "head", to.linear),
        ),
    )


RES_MLP_LAYOUTS = (
    _res_mlp(
        *("ResMLP of timm", "timm", to.after_two_axes),
        *("stem", "linear_tokens", "mlp_channels", "ls"),
    ),
    _res_mlp(
        *("ResMLP of the authors", "authors", to.same),
        *("patch_embed", "attn", "mlp", "gamma_"),
    ),
)
