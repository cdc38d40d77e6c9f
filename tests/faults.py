"""Breaks the code on purpose, one place after the other, and shows which everyday test sees it.

`make test-faults` fails if a fault is seen by none of its tests, or if its text is no longer there.
Each fault is written into the source tree and taken out again, whatever happens.
"""

import subprocess
import sys
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).parents[1]


class Fault(NamedTuple):
    """A change of one line that must not pass.

    Attributes:
        name: What is wrong then.
        file: Path from the project's root.
        right: Text that stands there once.
        wrong: Text to put in its place.
        tests: Folders and files of everyday tests, one of which must fail.
    """

    name: str
    file: str
    right: str
    wrong: str
    tests: tuple[str, ...]


FAULTS = (
    Fault(
        "a ConvMixer block without its residual",
        "keras_mixers/layers/conv_mixer_block.py",
        "x = inputs + x",
        "x = x + 0",
        ("tests/keras_mixers/layers/test_conv_mixer_block.py",),
    ),
    Fault(
        "LayerNorm without its epsilon",
        "keras_mixers/layers/layer_norm.py",
        "keepdims=True) + self.epsilon)",
        "keepdims=True))",
        ("tests/keras_mixers/layers/test_layer_norm.py",),
    ),
    Fault(
        "soft splits that are not padded on one side",
        "keras_mixers/layers/soft_split.py",
        "return self.padding, max(0, whole - side - self.padding)",
        "return 0, max(0, whole - side)",
        ("tests/keras_mixers/layers/test_soft_split.py",),
    ),
    Fault(
        "depthwise kernels of released files turned by 90 degrees",
        "keras_mixers/weights/axis_orders.py",
        "depthwise = _permuted(2, 3, 0, 1)",
        "depthwise = _permuted(3, 2, 0, 1)",
        ("tests/keras_mixers/weights/test_golden.py",),
    ),
    Fault(
        "downloads that are not compared with their sha256",
        "keras_mixers/weights/released_file.py",
        "if sha256 != source.sha256:",
        "if not sha256:",
        ("tests/keras_mixers/weights/test_download_errors.py",),
    ),
    Fault(
        "weight decay on biases and norms",
        "training/optimizer/adamw.py",
        "if not is_decayed(variable, self.decayed)]",
        "if False]",
        ("tests/training/test_optimizer.py",),
    ),
    Fault(
        "CutMix that leaves the labels as they are",
        "training/augment/mix.py",
        "return images, (1.0 - share) * labels + share * tf.reverse(labels, [0])",
        "return images, labels",
        ("tests/training/augment/test_mix.py",),
    ),
    Fault(
        "a run that goes on with an optimizer that forgot its moments",
        "training/run/setup.py",
        "return [*self.trainer.network.variables, *self.trainer.optimizer.variables]",
        "return [*self.trainer.network.variables]",
        ("tests/training/run/test_resume.py",),
    ),
    Fault(
        "SavedModels that take pixels in [0, 255]",
        "hub_export/saved_model/reusable.py",
        "model(255.0 * images",
        "model(images",
        ("tests/hub_export/saved_model/test_saved_model.py",),
    ),
    Fault(
        "TFLite files of int8 that are not compared before they take their name",
        "hub_export/verification/verify.py",
        "if not verification.passed:",
        "if False:",
        ("tests/hub_export/verification/test_verify.py",),
    ),
    Fault(
        "SavedModels of others that nobody looks at",
        "hub_export/trust.py",
        "found = [] if trust else reaching_operators(folder)",
        "found: list[str] = []",
        ("tests/hub_export/test_trust.py",),
    ),
    Fault(
        "failures of a command that exit with 0",
        "keras_mixers_cli/console.py",
        "raise typer.Exit(2 if isinstance(error, UsageError) else 1) from None",
        "raise typer.Exit(0) from None",
        ("tests/cli/test_app.py",),
    ),
)


def main() -> None:
    """Try every fault, or those whose number is given."""
    chosen = [FAULTS[int(number) - 1] for number in sys.argv[1:]] or FAULTS
    unseen = [fault.name for fault in chosen if not is_seen(fault)]
    if unseen:
        sys.exit(f"No test saw: {'; '.join(unseen)}.")
    print(f"{len(chosen)} passed, 0 failed")


def is_seen(fault: Fault) -> bool:
    """Run a fault's tests on the broken code, print the first that fails, and mend the code."""
    path = ROOT / fault.file
    source = path.read_text(encoding="utf-8")
    if source.count(fault.right) != 1:
        sys.exit(f"{fault.file} has {fault.right!r} {source.count(fault.right)} times; expected 1.")
    command = [sys.executable, "-m", "pytest", "-x", "-q", "-p", "no:cacheprovider", *fault.tests]
    try:
        path.write_text(source.replace(fault.right, fault.wrong), encoding="utf-8")
        done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    finally:
        path.write_text(source, encoding="utf-8")
    failed = [line for line in done.stdout.splitlines() if line.startswith(("FAILED", "ERROR"))]
    print(f"{fault.name}: {failed[0] if failed else 'not seen'}", flush=True)
    return done.returncode == 1 and bool(failed)


if __name__ == "__main__":
    main()
