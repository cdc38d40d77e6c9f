"""Trains one run of a study, in a process of its own.

python -P -m training.comparison.worker JOB

A process of its own, because what TensorFlow has compiled and allocated for one network stays until
its process ends, and a crash of one run must not end the others.
"""

import json
import sys
from dataclasses import asdict, dataclass, replace
from pathlib import Path

from hub_export.verification.worker import end_with_standard_input
from training.devices import ONE_DEVICE, Devices
from training.errors import TrainingError, in_one_line
from training.recipes import read_recipe


@dataclass(frozen=True)
class Job:
    """What a worker is told.

    Attributes:
        recipe: file of the arm's recipe.
        seed: seed of the run.
        run: folder of the run.
        data_dir: folder of tensorflow-datasets; None: its default.
        devices: devices to train on.
    """

    recipe: str
    seed: int
    run: str
    data_dir: str | None = None
    devices: Devices = ONE_DEVICE

    @property
    def command(self) -> list[str]:
        """The command that does the same, which the run's files name."""
        command = [
            "keras-mixers",
            "train",
            self.recipe,
            "--seed",
            str(self.seed),
            "--run",
            self.run,
        ]
        if self.data_dir is not None:
            command += ["--data-dir", self.data_dir]
        for name, value in asdict(self.devices).items():
            if value != getattr(ONE_DEVICE, name):
                command += [f"--{name.replace('_', '-')}", str(value)]
        return [*command, "--quiet"]

    def to_json(self) -> str:
        """Return the job as JSON text, for `from_json` to read."""
        return json.dumps(asdict(self))

    @classmethod
    def from_json(cls, text: str) -> "Job":
        """Build a job from the output of `to_json`."""
        content = json.loads(text)
        return cls(**{**content, "devices": Devices(**content["devices"])})


def run_job(job: Job) -> None:
    """Train what a job says; print an expected error as one line and raise SystemExit."""
    sys.argv = job.command
    from training.train import train

    try:
        recipe = replace(read_recipe(job.recipe), seed=job.seed)
        train(recipe, Path(job.run), job.data_dir, quiet=True, devices=job.devices)
    except (ValueError, OSError, ImportError, MemoryError, TrainingError) as error:
        print(f"error: {in_one_line(error)}", file=sys.stderr)
        raise SystemExit(1) from None


if __name__ == "__main__":
    end_with_standard_input()
    run_job(Job.from_json(sys.argv[1]))
