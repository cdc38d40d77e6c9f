"""The T2T-ViTs of the paper."""

from keras_mixers.models.variant import IMAGENET_MEAN, IMAGENET_STD, Preprocessing, Variant

PREPROCESSING = Preprocessing(IMAGENET_MEAN, IMAGENET_STD, crop=0.9)

_README = "T2T-ViT authors' README, trained on ImageNet-1k"
_TABLE_6 = "T2T-ViT paper, table 6, trained on ImageNet-1k"


def _t2t_vit(
    name: str,
    size: tuple[int, int, int, float, str],
    parameters: tuple[int, int],
    multiply_adds: float,
    top1: float,
    top1_source: str = _README,
) -> Variant:
    """A row of the table.

    `size` is hidden_dim, depth, heads, mlp_ratio, token mixer; `parameters` the trainable and the
    fixed ones (position table and random features).
    """
    hidden_dim, depth, num_heads, mlp_ratio, token_mixer = size
    return Variant(
        name=name,
        family="T2TViT",
        arguments={
            "hidden_dim": hidden_dim,
            "depth": depth,
            "num_heads": num_heads,
            "mlp_ratio": mlp_ratio,
            "token_mixer": token_mixer,
        },
        parameters=parameters[0],
        fixed_parameters=parameters[1],
        multiply_adds=multiply_adds,
        top1=top1,
        top1_source=top1_source,
        preprocessing=PREPROCESSING,
        paper="https://arxiv.org/abs/2101.11986",
    )


_P, _T = "performer", "transformer"

T2T_VIT_VARIANTS = (
    _t2t_vit("t2t_vit_7", (256, 7, 4, 2.0, _P), (4_255_694, 54_528), 1.1469, 71.7),
    _t2t_vit("t2t_vit_10", (256, 10, 4, 2.0, _P), (5_834_702, 54_528), 1.5163, 75.2),
    _t2t_vit("t2t_vit_12", (256, 12, 4, 2.0, _P), (6_887_374, 54_528), 1.7626, 76.5),
    _t2t_vit("t2t_vit_14", (384, 14, 6, 3.0, _P), (21_465_806, 79_744), 4.7835, 81.5),
    _t2t_vit("t2t_vit_19", (448, 19, 7, 3.0, _P), (39_085_070, 92_352), 8.4797, 81.9),
    _t2t_vit("t2t_vit_24", (512, 24, 8, 3.0, _P), (64_000_974, 104_960), 13.6619, 82.3),
    _t2t_vit("t2t_vit_t_14", (384, 14, 6, 3.0, _T), (21_465_422, 75_648), 6.0887, 81.7),
    _t2t_vit("t2t_vit_t_19", (448, 19, 7, 3.0, _T), (39_084_686, 88_256), 9.7849, 82.4),
    _t2t_vit("t2t_vit_t_24", (512, 24, 8, 3.0, _T), (64_000_590, 100_864), 14.9671, 82.6),
    _t2t_vit(
        "t2t_vit_14_resnext", (384, 14, 32, 3.0, _P), (21_465_806, 79_744), 4.7835, 81.5, _TABLE_6
    ),
    _t2t_vit(
        "t2t_vit_14_wide", (768, 4, 12, 3.0, _P), (25_000_910, 155_392), 5.2293, 77.9, _TABLE_6
    ),
)
