"""The gMLPs of the paper, and the one released file."""

from keras_mixers.catalogue.preprocessing import Preprocessing
from keras_mixers.catalogue.source import Source, hub_address
from keras_mixers.catalogue.variant import Variant

_HALF = (0.5, 0.5, 0.5)
PREPROCESSING = Preprocessing(_HALF, _HALF, crop=0.875)

_PAPER = "gMLP paper, trained on ImageNet-1k"


def _gmlp(
    name: str, hidden_dim: int, parameters: int, multiply_adds: float, top1: float
) -> Variant:
    """A row of the table."""
    return Variant(
        name=name,
        family="gMLP",
        arguments={"hidden_dim": hidden_dim, "depth": 30, "patch_size": 16},
        parameters=parameters,
        fixed_parameters=0,
        multiply_adds=multiply_adds,
        top1=top1,
        top1_source=_PAPER,
        preprocessing=PREPROCESSING,
        paper="https://arxiv.org/abs/2105.08050",
    )


GMLP_VARIANTS = (
    _gmlp("gmlp_ti16", 128, 5_867_328, 1.3290, 72.3),
    _gmlp("gmlp_s16", 256, 19_422_656, 4.3921, 79.6),
    _gmlp("gmlp_b16", 512, 73_075_392, 15.7205, 81.6),
)

GMLP_SOURCES = (
    Source(
        variant="gmlp_s16",
        name="imagenet",
        url=hub_address("timm/gmlp_s16_224.ra3_in1k"),
        file="gmlp_s16_224.ra3_in1k.safetensors",
        dataset="ImageNet-1k",
        classes=1000,
        licence="Apache-2.0",
        top1=79.652,
        top1_source="timm's table, trained by timm",
        preprocessing=PREPROCESSING,
    ),
)
