"""Tables of where to find each weight of a model in a released checkpoint."""

from collections.abc import Iterator
from dataclasses import dataclass

from keras_mixers.weights import axis_orders as to
from keras_mixers.weights.axis_orders import Transform


@dataclass(frozen=True)
class Rule:
    """Where a weight comes from, or one weight of each block.

    Attributes:
        weight: Path of the Keras weight, where `{i}` is the index of a block.
        key: Name in the checkpoint. `{i}` is the index of a block; `{child}` and `{head}` are the
            positions of the block and of the head in the ConvMixer authors' `nn.Sequential`.
        transform: Function that turns the checkpoint's array into the value of the weight.
    """

    weight: str
    key: str
    transform: Transform = to.same


@dataclass(frozen=True)
class Layout:
    """The names of one kind of checkpoint.

    Attributes:
        name: Name for error messages.
        rules: The rules for all weights.
        ignored: Endings of keys that neither inference nor training in Keras needs.
    """

    name: str
    rules: tuple[Rule, ...]
    ignored: tuple[str, ...] = ()

    def expand(self, depth: int) -> Iterator[Rule]:
        """Yield the rules for a model with `depth` blocks, with the placeholders filled in."""
        for rule in self.rules:
            for i in range(depth if "{i}" in rule.weight else 1):
                yield Rule(
                    rule.weight.format(i=i),
                    rule.key.format(i=i, child=i + 3, head=depth + 5),
                    rule.transform,
                )


def _affine(weight: str, key: str, kernel: Transform) -> tuple[Rule, ...]:
    """Rules for a torch layer with weight and bias."""
    return (
        Rule(f"{weight}/kernel", f"{key}.weight", kernel),
        Rule(f"{weight}/bias", f"{key}.bias"),
    )


def _norm(weight: str, key: str, transform: Transform = to.same) -> tuple[Rule, ...]:
    """Rules for a torch LayerNorm."""
    return (
        Rule(f"{weight}/gamma", f"{key}.weight", transform),
        Rule(f"{weight}/beta", f"{key}.bias", transform),
    )


def _batch_norm(weight: str, key: str) -> tuple[Rule, ...]:
    """Rules for a torch BatchNorm2d."""
    return (
        *_norm(weight, key),
        Rule(f"{weight}/moving_mean", f"{key}.running_mean"),
        Rule(f"{weight}/moving_variance", f"{key}.running_var"),
    )


def _flax(weight: str, key: str) -> tuple[Rule, ...]:
    """Rules for a flax Dense or Conv."""
    return tuple(Rule(f"{weight}/{part}", f"{key}/{part}") for part in ("kernel", "bias"))


def _flax_norm(weight: str, key: str) -> tuple[Rule, ...]:
    """Rules for a flax LayerNorm."""
    return (Rule(f"{weight}/gamma", f"{key}/scale"), Rule(f"{weight}/beta", f"{key}/bias"))


def _conv_mixer(name: str, stem: str, block: str, head: str) -> Layout:
    return Layout(
        name,
        (
            *_affine("patch_embed/conv", f"{stem}0", to.conv),
            *_batch_norm("patch_norm", f"{stem}2"),
            *_affine("block_{i}/depthwise", f"{block}.0.fn.0", to.depthwise),
            *_batch_norm("block_{i}/depthwise_norm", f"{block}.0.fn.2"),
            *_affine("block_{i}/pointwise", f"{block}.1", to.conv),
            *_batch_norm("block_{i}/pointwise_norm", f"{block}.3"),
            *_affine("head", head, to.linear),
        ),
        ignored=("num_batches_tracked",),
    )


def _mixer_phase(mlp: str, phase: str) -> tuple[Rule, ...]:
    """Rules for both Dense layers of an MLP in the older layout, which has more axes of size 1."""
    return tuple(
        Rule(f"{mlp}/dense_{i}/{part}", f"{phase}/{part}{i + 1}", to.squeeze)
        for i in (0, 1)
        for part in ("kernel", "bias")
    )


MIXER_LAYOUTS = (
    Layout(
        "MLP-Mixer of timm",
        (
            *_affine("patch_embed/conv", "stem.proj", to.conv),
            *_norm("block_{i}/token_norm", "blocks.{i}.norm1"),
            *_affine("block_{i}/token_mlp/dense_0", "blocks.{i}.mlp_tokens.fc1", to.linear),
            *_affine("block_{i}/token_mlp/dense_1", "blocks.{i}.mlp_tokens.fc2", to.linear),
            *_norm("block_{i}/channel_norm", "blocks.{i}.norm2"),
            *_affine("block_{i}/channel_mlp/dense_0", "blocks.{i}.mlp_channels.fc1", to.linear),
            *_affine("block_{i}/channel_mlp/dense_1", "blocks.{i}.mlp_channels.fc2", to.linear),
            *_norm("norm", "norm"),
            *_affine("head", "head", to.linear),
        ),
    ),
    Layout(
        "MLP-Mixer of Google",
        (
            *_flax("patch_embed/conv", "stem"),
            *_flax_norm("block_{i}/token_norm", "MixerBlock_{i}/LayerNorm_0"),
            *_flax("block_{i}/token_mlp/dense_0", "MixerBlock_{i}/token_mixing/Dense_0"),
            *_flax("block_{i}/token_mlp/dense_1", "MixerBlock_{i}/token_mixing/Dense_1"),
            *_flax_norm("block_{i}/channel_norm", "MixerBlock_{i}/LayerNorm_1"),
            *_flax("block_{i}/channel_mlp/dense_0", "MixerBlock_{i}/channel_mixing/Dense_0"),
            *_flax("block_{i}/channel_mlp/dense_1", "MixerBlock_{i}/channel_mixing/Dense_1"),
            *_flax_norm("norm", "pre_head_layer_norm"),
            *_flax("head", "head"),
        ),
    ),
    Layout(
        "MLP-Mixer of Google, older names",
        (
            *_flax("patch_embed/conv", "embedding"),
            *_flax_norm("block_{i}/token_norm", "Mixer/encoderblock_{i}/LayerNorm_0"),
            *_mixer_phase("block_{i}/token_mlp", "Mixer/encoderblock_{i}/token_mixing_phase_0"),
            *_flax_norm("block_{i}/channel_norm", "Mixer/encoderblock_{i}/LayerNorm_1"),
            *_mixer_phase("block_{i}/channel_mlp", "Mixer/encoderblock_{i}/channel_mixing_phase_0"),
            *_flax_norm("norm", "Mixer/encoder_norm"),
            *_flax("head", "head"),
        ),
    ),
)

CONV_MIXER_LAYOUTS = (
    _conv_mixer("ConvMixer of timm", "stem.", "blocks.{i}", "head"),
    _conv_mixer("ConvMixer of the authors", "", "{child}", "{head}"),
)


def _token_mixer(i: int, kernel_size: int, performer: bool) -> tuple[Rule, ...]:
    """Rules for the attention after soft split `i`, whose patches have side `kernel_size`."""
    weight, key = f"token_mixer_{i}", f"tokens_to_token.attention{i + 1}"
    shared = (
        *_norm(f"{weight}/attention_norm", f"{key}.norm1", to.unfolded_vector(kernel_size)),
        *_norm(f"{weight}/mlp_norm", f"{key}.norm2"),
    )
    unfolded = to.unfolded_linear(kernel_size)
    if performer:
        return (
            *shared,
            Rule(f"{weight}/random_features", f"{key}.w"),
            *_affine(f"{weight}/kqv", f"{key}.kqv", unfolded),
            *_affine(f"{weight}/projection", f"{key}.proj", to.linear),
            *_affine(f"{weight}/mlp_0", f"{key}.mlp.0", to.linear),
            *_affine(f"{weight}/mlp_1", f"{key}.mlp.2", to.linear),
        )
    return (
        *shared,
        Rule(f"{weight}/qkv/kernel", f"{key}.attn.qkv.weight", unfolded),
        *_affine(f"{weight}/projection", f"{key}.attn.proj", to.linear),
        *_affine(f"{weight}/mlp/dense_0", f"{key}.mlp.fc1", to.linear),
        *_affine(f"{weight}/mlp/dense_1", f"{key}.mlp.fc2", to.linear),
    )


def _t2t_vit(name: str, performer: bool) -> Layout:
    return Layout(
        name,
        (
            *_token_mixer(0, 7, performer),
            *_token_mixer(1, 3, performer),
            *_affine("patch_embed", "tokens_to_token.project", to.unfolded_linear(3)),
            Rule("class_token/token", "cls_token"),
            Rule("position/table", "pos_embed"),
            *_norm("block_{i}/attention_norm", "blocks.{i}.norm1"),
            Rule("block_{i}/qkv/kernel", "blocks.{i}.attn.qkv.weight", to.linear),
            *_affine("block_{i}/projection", "blocks.{i}.attn.proj", to.linear),
            *_norm("block_{i}/mlp_norm", "blocks.{i}.norm2"),
            *_affine("block_{i}/mlp/dense_0", "blocks.{i}.mlp.fc1", to.linear),
            *_affine("block_{i}/mlp/dense_1", "blocks.{i}.mlp.fc2", to.linear),
            *_norm("norm", "norm"),
            *_affine("head", "head", to.linear),
        ),
        # Token Labeling trained a second head, which inference does not use.
        ignored=("aux_head.weight", "aux_head.bias"),
    )


T2T_VIT_LAYOUTS = (
    _t2t_vit("T2T-ViT with performers", performer=True),
    _t2t_vit("T2T-ViT with transformers", performer=False),
)

LAYOUTS = (*CONV_MIXER_LAYOUTS, *MIXER_LAYOUTS, *T2T_VIT_LAYOUTS)
