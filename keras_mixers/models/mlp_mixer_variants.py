"""The MLP-Mixers of the paper, and the S/8 that was released later."""

from keras_mixers.models.variant import Preprocessing, Variant

PREPROCESSING = Preprocessing((0.5, 0.5, 0.5), (0.5, 0.5, 0.5), crop=0.875)

_TABLE_3 = "MLP-Mixer paper, table 3, trained on {}"
_JFT = _TABLE_3.format("JFT-300M and fine-tuned on ImageNet-1k")


def _mixer(
    name: str,
    size: tuple[int, int, int],
    parameters: int,
    multiply_adds: float,
    top1: float | None,
    top1_source: str,
) -> Variant:
    """A row of the table; `size` is hidden_dim, depth, patch size."""
    hidden_dim, depth, patch_size = size
    return Variant(
        name=name,
        family="MLPMixer",
        arguments={
            "hidden_dim": hidden_dim,
            "depth": depth,
            "patch_size": patch_size,
            "tokens_mlp_dim": hidden_dim // 2,
            "channels_mlp_dim": 4 * hidden_dim,
        },
        parameters=parameters,
        fixed_parameters=0,
        multiply_adds=multiply_adds,
        top1=top1,
        top1_source=top1_source,
        preprocessing=PREPROCESSING,
        paper="https://arxiv.org/abs/2105.01601",
    )


MLP_MIXER_VARIANTS = (
    _mixer("mixer_s32", (512, 8, 32), 19_104_624, 1.0024, 68.70, _JFT),
    _mixer("mixer_s16", (512, 8, 16), 18_528_264, 3.7770, 73.83, _JFT),
    _mixer("mixer_s8", (512, 8, 8), 20_646_504, 14.8751, None, "not published with the weights"),
    _mixer("mixer_b32", (768, 12, 32), 60_293_428, 3.2377, 75.53, _JFT),
    _mixer("mixer_b16", (768, 12, 16), 59_880_472, 12.6018, 76.44, _TABLE_3.format("ImageNet-1k")),
    _mixer("mixer_l32", (1024, 24, 32), 206_939_264, 11.2533, 80.67, _JFT),
    _mixer(
        "mixer_l16", (1024, 24, 16), 208_196_168, 44.5477, 71.76, _TABLE_3.format("ImageNet-1k")
    ),
    _mixer("mixer_h14", (1280, 32, 14), 432_350_952, 120.9899, 86.32, _JFT),
)
