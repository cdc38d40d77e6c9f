"""What came out of a run."""

from dataclasses import dataclass, field
from typing import Any

import keras

from training.run.environment import command_line


@dataclass(frozen=True)
class Result:
    """What came out of a run.

    Attributes:
        recipe: its name.
        model: name of the network.
        dataset: address of the data.
        validation_images: held-out images that it was measured on.
        top1: share of them whose class is the likeliest one, of the network as it is saved.
        top5: share of them whose class is among the five likeliest; None below 6 classes.
        loss: mean over them.
        images_per_second: of training; None where a resumed run had nothing left to train.
        seconds: all of it took.
        epochs: passes over the training images.
        steps: updates of the weights.
        parameters: of the network.
        skipped: files of the data that were left out, since they are no good image.
        seed: of the run.
        network: images (B, H, W, C) in [0, 255] to probabilities (B, classes), in float32.
    """

    recipe: str
    model: str
    dataset: str
    validation_images: int
    top1: float
    top5: float | None
    loss: float
    images_per_second: float | None
    seconds: float
    epochs: int
    steps: int
    parameters: int
    skipped: int
    seed: int
    network: keras.Model = field(repr=False, compare=False)

    def to_dict(self) -> dict[str, Any]:
        """Return what JSON can hold of it, with the command that measured it."""
        command = command_line()
        return {
            "model": self.model,
            "recipe": self.recipe,
            "parameters": self.parameters,
            "seed": self.seed,
            "epochs": self.epochs,
            "steps": self.steps,
            "training_seconds": round(self.seconds, 1),
            "images_per_second": self.images_per_second and round(self.images_per_second, 1),
            "accuracy": self.top1,
            "accuracy_source": f"{command}, on {self.validation_images:,} held-out images",
            "top5": self.top5,
            "loss": self.loss,
            "command": command,
            "dataset": self.dataset,
            "validation_images": self.validation_images,
            "skipped_files": self.skipped,
        }
