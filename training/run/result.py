"""The result of a run."""

from dataclasses import dataclass, field
from typing import Any

import keras

from training.run.environment import command_line


@dataclass(frozen=True)
class Result:
    """The result of a run.

    Attributes:
        recipe: name of the recipe.
        model: name of the network.
        dataset: address of the data.
        validation_images: number of validation images.
        top1: top-1 accuracy of the saved network on the validation images, as a fraction.
        top5: top-5 accuracy, as a fraction; None for fewer than 6 classes.
        loss: mean over the validation images.
        images_per_second: speed of training; None if a resumed run had nothing left to train.
        seconds: duration of the whole run.
        epochs: passes over the training images.
        steps: updates of the weights.
        parameters: number of parameters of the network.
        multiply_adds: multiply-adds of the network for one image; None: not known.
        peak_memory: most bytes that the first GPU has given or, without a GPU, that the process has
            held; None: not known.
        skipped: number of files that were skipped because they aren't usable images.
        seed: seed of the run.
        network: maps images (B, H, W, C) in [0, 255] to probabilities (B, classes), in float32.
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
    multiply_adds: int | None
    peak_memory: int | None
    skipped: int
    seed: int
    network: keras.Model = field(repr=False, compare=False)

    def to_dict(self) -> dict[str, Any]:
        """Return the result as JSON-serialisable values, with the command that produced it."""
        command = command_line()
        return {
            "model": self.model,
            "recipe": self.recipe,
            "parameters": self.parameters,
            "multiply_adds": self.multiply_adds,
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
            "peak_memory": self.peak_memory,
            "skipped_files": self.skipped,
        }
