"""Names in checkpoints of ViT and DeiT: timm's, which DeiT's authors share, and Google's."""

from keras_mixers.weights import axis_orders as to
from keras_mixers.weights.layouts.layout import (
    Layout,
    Rule,
    affine_rules,
    flax_norm_rules,
    flax_rules,
    norm_rules,
)

_BLOCK = (
    *norm_rules("block_{i}/attention_norm", "blocks.{i}.norm1"),
    *affine_rules("block_{i}/qkv", "blocks.{i}.attn.qkv", to.linear),
    *affine_rules("block_{i}/projection", "blocks.{i}.attn.proj", to.linear),
    *norm_rules("block_{i}/mlp_norm", "blocks.{i}.norm2"),
    *affine_rules("block_{i}/mlp/dense_0", "blocks.{i}.mlp.fc1", to.linear),
    *affine_rules("block_{i}/mlp/dense_1", "blocks.{i}.mlp.fc2", to.linear),
)
_AROUND = (
    *affine_rules("patch_embed/conv", "patch_embed.proj", to.conv),
    Rule("class_token/token", "cls_token"),
    Rule("position/table", "pos_embed"),
    *_BLOCK,
    *norm_rules("norm", "norm"),
)
_FLAX_BLOCK = "Transformer/encoderblock_{i}"
_ATTENTION = f"{_FLAX_BLOCK}/MultiHeadDotProductAttention_1"
_QKV = ("query", "key", "value")

VIT_LAYOUTS = (
    Layout("ViT of timm", "timm", (*_AROUND, *affine_rules("head", "head", to.linear))),
    Layout(
        "distilled DeiT",
        "timm",
        (
            *_AROUND,
            Rule("distillation_token/token", "dist_token"),
            *affine_rules("head/class_head", "head", to.linear),
            *affine_rules("head/distillation_head", "head_dist", to.linear),
        ),
    ),
    Layout(
        "ViT of Google",
        "google",
        (
            *flax_rules("patch_embed/conv", "embedding"),
            Rule("class_token/token", "cls"),
            Rule("position/table", "Transformer/posembed_input/pos_embedding"),
            *flax_norm_rules("block_{i}/attention_norm", f"{_FLAX_BLOCK}/LayerNorm_0"),
            Rule("block_{i}/qkv/kernel", f"{_ATTENTION}/{{part}}/kernel", to.split_outputs, _QKV),
            Rule("block_{i}/qkv/bias", f"{_ATTENTION}/{{part}}/bias", to.split_vector, _QKV),
            Rule("block_{i}/projection/kernel", f"{_ATTENTION}/out/kernel", to.split_inputs),
            Rule("block_{i}/projection/bias", f"{_ATTENTION}/out/bias"),
            *flax_norm_rules("block_{i}/mlp_norm", f"{_FLAX_BLOCK}/LayerNorm_2"),
            *flax_rules("block_{i}/mlp/dense_0", f"{_FLAX_BLOCK}/MlpBlock_3/Dense_0"),
            *flax_rules("block_{i}/mlp/dense_1", f"{_FLAX_BLOCK}/MlpBlock_3/Dense_1"),
            *flax_norm_rules("norm", "Transformer/encoder_norm"),
            *flax_rules("head", "head"),
        ),
    ),
)
