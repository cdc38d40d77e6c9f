"""Names in checkpoints of T2T-ViT: the authors'."""

from keras_mixers.weights import axis_orders as to
from keras_mixers.weights.layouts.layout import Layout, Rule, affine_rules, norm_rules


def _token_mixer(i: int, kernel_size: int, performer: bool) -> tuple[Rule, ...]:
    """Rules for the attention after soft split `i`, whose patches have side `kernel_size`."""
    weight, key = f"token_mixer_{i}", f"tokens_to_token.attention{i + 1}"
    shared = (
        *norm_rules(f"{weight}/attention_norm", f"{key}.norm1", to.unfolded_vector(kernel_size)),
        *norm_rules(f"{weight}/mlp_norm", f"{key}.norm2"),
    )
    unfolded = to.unfolded_linear(kernel_size)
    if performer:
        return (
            *shared,
            Rule(f"{weight}/random_features", f"{key}.w"),
            *affine_rules(f"{weight}/kqv", f"{key}.kqv", unfolded),
            *affine_rules(f"{weight}/projection", f"{key}.proj", to.linear),
            *affine_rules(f"{weight}/mlp_0", f"{key}.mlp.0", to.linear),
            *affine_rules(f"{weight}/mlp_1", f"{key}.mlp.2", to.linear),
        )
    return (
        *shared,
        Rule(f"{weight}/qkv/kernel", f"{key}.attn.qkv.weight", unfolded),
        *affine_rules(f"{weight}/projection", f"{key}.attn.proj", to.linear),
        *affine_rules(f"{weight}/mlp/dense_0", f"{key}.mlp.fc1", to.linear),
        *affine_rules(f"{weight}/mlp/dense_1", f"{key}.mlp.fc2", to.linear),
    )


def _t2t_vit(name: str, performer: bool) -> Layout:
    return Layout(
        name,
        "authors",
        (
            *_token_mixer(0, 7, performer),
            *_token_mixer(1, 3, performer),
            *affine_rules("patch_embed", "tokens_to_token.project", to.unfolded_linear(3)),
            Rule("class_token/token", "cls_token"),
            Rule("position/table", "pos_embed"),
            *norm_rules("block_{i}/attention_norm", "blocks.{i}.norm1"),
            Rule("block_{i}/qkv/kernel", "blocks.{i}.attn.qkv.weight", to.linear),
            *affine_rules("block_{i}/projection", "blocks.{i}.attn.proj", to.linear),
            *norm_rules("block_{i}/mlp_norm", "blocks.{i}.norm2"),
            *affine_rules("block_{i}/mlp/dense_0", "blocks.{i}.mlp.fc1", to.linear),
            *affine_rules("block_{i}/mlp/dense_1", "blocks.{i}.mlp.fc2", to.linear),
            *norm_rules("norm", "norm"),
            *affine_rules("head", "head", to.linear),
        ),
        # Token Labeling trained a second head, which inference does not use.
        ignored=("aux_head.weight", "aux_head.bias"),
    )


T2T_VIT_LAYOUTS = (
    _t2t_vit("T2T-ViT with performers", performer=True),
    _t2t_vit("T2T-ViT with transformers", performer=False),
)
