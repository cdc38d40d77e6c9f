"""T2T-ViT's parts: soft splits, the attention between them, and depth against width.

keras-mixers compare t2t_design
"""

from dataclasses import replace

from training.studies.shared_recipes import LIMITS, MNIST5K
from training.study import Arm, Study

_ARGUMENTS = "model.arguments"
_SIZES = {"hidden_dim": 40, "depth": 3, "num_heads": 4, "mlp_ratio": 2.0, "token_dim": 16}

STUDY = Study(
    name="t2t_design",
    question="Which of T2T-ViT's parts matter?",
    recipe=replace(MNIST5K, model=replace(MNIST5K.model, name="T2TViT", arguments=_SIZES)),
    arms=(
        Arm("T2T-ViT"),
        Arm("Hard splits", {f"{_ARGUMENTS}.overlap": False}),
        Arm("Transformer", {f"{_ARGUMENTS}.token_mixer": "transformer"}),
        Arm("Deep and narrow", {f"{_ARGUMENTS}.hidden_dim": 28, f"{_ARGUMENTS}.depth": 6}),
        Arm("Shallow and wide", {f"{_ARGUMENTS}.hidden_dim": 64, f"{_ARGUMENTS}.depth": 1}),
    ),
    limits=(*LIMITS, "Four tokens reach the transformer blocks; in the paper there are 196."),
)
