"""What is trained on one device and on two replicas, and must give the same weights.

Each setting takes several features together, which are all wrong if one is.
"""

from dataclasses import dataclass, replace

from tests.helpers.runs import PREPROCESSING, SMALL, tiny
from training.augment import Augmentation
from training.devices import Devices
from training.recipe import ModelSpec, Optimizer, Recipe
from training.run.result import Result
from training.schedule_settings import WarmupCosine
from training.train import train

CONV_MIXER = ModelSpec(
    "ConvMixer",
    {"hidden_dim": 8, "depth": 1, "patch_size": 2, "kernel_size": 7},
    (8, 8, 1),
    preprocessing=PREPROCESSING,
)
RELATIVES = {
    "ViT": {"patch_size": 4, "distilled": True, **SMALL["ViT"]},
    "ResMLP": {"patch_size": 4, **SMALL["ResMLP"]},
    "gMLP": {"patch_size": 4, **SMALL["gMLP"]},
}
# Adam multiplies the rounding of a gradient, as of a bias before a normalisation, by up to rate /
# epsilon: times the norm that gradients are clipped to, that is no more than 1.
EPSILON = 1e-3
ADAMW = Optimizer("adamw", weight_decay=0.05, clip_norm=0.1, epsilon=EPSILON)


@dataclass(frozen=True)
class Setting:
    """A recipe for two replicas, and the one that must give the same weights on one device."""

    recipe: Recipe
    alone: Recipe | None = None
    steps_per_execution: int = 1
    batch_norm: str = "synchronised"

    def on_one_device(self) -> Result:
        return train(self.alone or self.recipe, quiet=True)

    def on_two(self, strategy: str) -> Result:
        devices = Devices(strategy, self.batch_norm, self.steps_per_execution)
        return train(self.recipe, quiet=True, devices=devices)


def settings() -> dict[str, Setting]:
    """Return what is trained on one device and on two replicas, with names for people."""
    plain = Augmentation(policy="reference", crop="pad", pad=1, flip=0.0)
    mixed = replace(plain, mixup=0.5, cutmix=1.0)
    mixer = tiny(optimizer=ADAMW, mix_slices=2)
    conv = replace(mixer, model=CONV_MIXER, schedule=WarmupCosine(peak=0.001))
    sgd = {"optimizer": Optimizer("sgd", 1e-4), "schedule": WarmupCosine(peak=0.05)}
    relatives = {
        family: Setting(
            replace(mixer, model=replace(mixer.model, name=family, arguments=arguments))
        )
        for family, arguments in RELATIVES.items()
    }
    return {
        "AdamW with decay, clipped to 0.1, moving average, mixed images": Setting(
            replace(mixer, ema=0.9, augmentation=mixed)
        ),
        "SGD, accumulate 4, 3 steps per execution": Setting(
            replace(mixer, accumulate=4, **sgd), steps_per_execution=3
        ),
        "synchronised batch norm, remat, 3 steps per execution": Setting(
            replace(conv, remat=True), conv, steps_per_execution=3
        ),
        # Of each replica's own half, and of one device's halves.
        "averaged batch norm": Setting(conv, replace(conv, accumulate=2), batch_norm="averaged"),
        **relatives,
    }
