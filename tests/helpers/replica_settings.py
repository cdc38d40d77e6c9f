"""What is trained on one device and on two replicas, and must give the same weights."""

from dataclasses import dataclass, replace

from tests.helpers.runs import PREPROCESSING, tiny
from training.augment import Augmentation
from training.devices import Devices
from training.recipe import ModelSpec, Optimizer, Recipe, WarmupCosine
from training.train import train

CONV_MIXER = ModelSpec(
    "ConvMixer",
    {"hidden_dim": 8, "depth": 2, "patch_size": 2, "kernel_size": 3},
    (8, 8, 1),
    preprocessing=PREPROCESSING,
)
EPSILON = 1e-3
ADAMW = Optimizer("adamw", weight_decay=0.05, clip_norm=0.1, epsilon=EPSILON)


@dataclass(frozen=True)
class Setting:
    """A recipe for two replicas, and the one that must give the same weights on one device."""

    recipe: Recipe
    alone: Recipe | None = None
    steps_per_execution: int = 1
    batch_norm: str = "synchronised"

    def trained(self, strategy):
        one = train(self.alone or self.recipe, quiet=True)
        devices = Devices(strategy, self.batch_norm, self.steps_per_execution)
        return one, train(self.recipe, quiet=True, devices=devices)


def settings():
    """Return what is trained on one device and on two replicas."""
    plain = Augmentation(policy="reference", crop="pad", pad=1, flip=0.0)
    mixed = replace(plain, mixup=0.5, cutmix=1.0)
    mixer = tiny(optimizer=ADAMW, mix_slices=2)
    # Adam multiplies the rounding of a gradient, as of a bias before a normalisation, by up to
    # rate / epsilon, which is 10 at the other recipes' rate.
    conv = replace(mixer, model=CONV_MIXER, schedule=WarmupCosine(peak=0.001))
    return {
        "sgd": Setting(
            replace(mixer, optimizer=Optimizer("sgd", 1e-4), schedule=WarmupCosine(peak=0.05))
        ),
        "adamw, decay, clipped to 0.1": Setting(mixer),
        "ema": Setting(replace(mixer, ema=0.9)),
        "accumulate 4": Setting(replace(mixer, accumulate=4)),
        "steps per execution 3": Setting(mixer, steps_per_execution=3),
        "accumulate 4, steps per execution 3": Setting(
            replace(mixer, accumulate=4), steps_per_execution=3
        ),
        "remat": Setting(replace(mixer, remat=True)),
        "mixed images": Setting(replace(mixer, augmentation=mixed)),
        "synchronised batch norm": Setting(conv),
        "synchronised batch norm, steps per execution 3": Setting(conv, steps_per_execution=3),
        "synchronised batch norm, remat": Setting(replace(conv, remat=True)),
    }


def averaged():
    """Return a batch norm of each replica's own half, and of one device's halves."""
    whole = tiny(optimizer=ADAMW, model=CONV_MIXER, mix_slices=2)
    return Setting(whole, replace(whole, accumulate=2), batch_norm="averaged")
