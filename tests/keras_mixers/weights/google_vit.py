"""A checkpoint of timm's ViT as Google would have written it."""

import numpy as np


def in_googles_names(timms: dict[str, np.ndarray], heads: int) -> dict[str, np.ndarray]:
    """Return timm's arrays in Google's names and axes: queries, keys and values apart, by heads."""
    rename = {
        "cls_token": "cls",
        "pos_embed": "Transformer/posembed_input/pos_embedding",
        "patch_embed.proj": "embedding",
        "norm": "Transformer/encoder_norm",
        "head": "head",
        "norm1": "LayerNorm_0",
        "norm2": "LayerNorm_2",
        "mlp.fc1": "MlpBlock_3/Dense_0",
        "mlp.fc2": "MlpBlock_3/Dense_1",
    }
    arrays = {}
    for key, array in timms.items():
        layer, _, part = key.rpartition(".")
        place, layer = "", layer or key
        if layer.startswith("blocks."):
            _, block, layer = layer.split(".", 2)
            place = f"Transformer/encoderblock_{block}/"
        attention = f"{place}MultiHeadDotProductAttention_1"
        if layer == "attn.qkv":
            for which, rows in zip(("query", "key", "value"), np.split(array, 3), strict=True):
                rows = rows.T.reshape(-1, heads, 8) if part == "weight" else rows.reshape(heads, 8)
                kind = "kernel" if part == "weight" else "bias"
                arrays[f"{attention}/{which}/{kind}"] = rows
        elif layer == "attn.proj":
            kernel = array.T.reshape(heads, 8, -1) if part == "weight" else array
            arrays[f"{attention}/out/{'kernel' if part == 'weight' else 'bias'}"] = kernel
        elif part not in ("weight", "bias"):
            arrays[rename[key]] = array
        elif "norm" in layer:
            arrays[f"{place}{rename[layer]}/{'scale' if part == 'weight' else part}"] = array
        else:
            axes = (2, 3, 1, 0) if array.ndim == 4 else None
            value = array.transpose(axes) if part == "weight" else array
            kind = "kernel" if part == "weight" else "bias"
            arrays[f"{place}{rename[layer]}/{kind}"] = value
    return arrays
