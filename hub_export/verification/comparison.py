"""Compares the outputs of an export with those of the model that it was made from."""

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np


class Tolerances(NamedTuple):
    """How far an output of an export may be from the model's.

    Attributes:
        difference: Largest difference, as a share of the model's largest absolute value.
        cosine: Smallest mean cosine similarity; see `OutputCheck`.
        score_loss: Largest mean loss of score; see `OutputCheck`.
    """

    difference: float
    cosine: float = -1.0
    score_loss: float = 1.0


@dataclass(frozen=True)
class OutputCheck:
    """One output of an export, compared with the model's.

    Attributes:
        output: Name of the output, such as "serving_default:logits".
        tolerances: How far the output may be from the model's.
        difference: Largest difference, as a share of the model's largest absolute value; infinite
            if the output is missing, has another shape or isn't finite.
        agreement: Share of images for which both predict the same class; None for features.
        cosine: Cosine similarity of the two outputs as vectors, averaged over the images. Rounding
            to few bits hardly changes the direction of a vector.
        score_loss: How much lower the model scores the class that the export predicts than the
            class that it predicts itself, as a share of the range of the image's scores, averaged
            over the images; 0 for features. Rounding swaps only classes with nearly equal scores,
            which costs little.
    """

    output: str
    tolerances: Tolerances
    difference: float
    agreement: float | None
    cosine: float = 0.0
    score_loss: float = 0.0

    @property
    def tolerance(self) -> float:
        """The largest difference that is accepted."""
        return self.tolerances.difference

    @property
    def passed(self) -> bool:
        """Whether the output matches the model's."""
        return not self.fault

    @property
    def fault(self) -> str:
        """What is wrong with the output, without a full stop; empty if nothing is."""
        most, least_cosine, most_lost = self.tolerances
        if not self.difference <= most:
            return (
                f"{self.output} differs by {self.difference:.1e} of the model's largest value, "
                f"expected at most {most:.0e}"
            )
        if not self.cosine >= least_cosine:
            return (
                f"{self.output} has a cosine similarity of {self.cosine:.3f} with the model's "
                f"output, expected at least {least_cosine:g}"
            )
        if not self.score_loss <= most_lost:
            return (
                f"{self.output} predicts classes that the model scores lower than its own "
                f"predictions by {self.score_loss:.0%} of the range of its scores, expected at "
                f"most {most_lost:.0%}"
            )
        return ""


@dataclass(frozen=True)
class Verification:
    """The result of comparing an export with its model.

    Attributes:
        export: Name of the file or folder.
        images: Number of images that both were run on.
        checks: One `OutputCheck` per output.
        statements: What the export's own files say otherwise than what is known of the model.
    """

    export: str
    images: int
    checks: tuple[OutputCheck, ...]
    statements: tuple[str, ...] = ()

    @property
    def passed(self) -> bool:
        """Whether every output matches the model's, and what the export says does, too."""
        return not self.fault

    @property
    def fault(self) -> str:
        """What is wrong with the export, in one line; empty if nothing is."""
        faults = [check.fault for check in self.checks if check.fault] + [*self.statements]
        return f"{self.export} doesn't match the model: {'; '.join(faults)}." if faults else ""


def check_output(
    name: str,
    found: np.ndarray | None,
    expected: np.ndarray,
    tolerances: Tolerances,
    are_scores: bool,
) -> OutputCheck:
    """Compare an output (B, ...) of an export with the model's.

    Args:
        name: Name of the output.
        found: Output of the export, or None if it has no output of that name.
        expected: Output of the model.
        tolerances: How far the two may be apart.
        are_scores: Whether the last axis holds the scores of classes.

    >>> scores = np.array([[1.0, 2.0]])
    >>> check = check_output("call", scores + 0.25, scores, Tolerances(0.1), are_scores=True)
    >>> check.difference, check.agreement, check.score_loss, check.passed
    (0.125, 1.0, 0.0, False)
    """
    if found is None or found.shape != expected.shape or not np.all(np.isfinite(found)):
        return OutputCheck(name, tolerances, float("inf"), None)
    tiny = float(np.finfo("float32").tiny)
    largest = max(float(np.abs(expected).max()), tiny)
    difference = float(np.abs(found - expected).max()) / largest
    a, b = (x.reshape(len(x), -1).astype("float64") for x in (found, expected))
    lengths = np.linalg.norm(a, axis=-1) * np.linalg.norm(b, axis=-1)
    cosine = float(np.mean((a * b).sum(-1) / np.maximum(lengths, tiny)))
    if not are_scores:
        return OutputCheck(name, tolerances, difference, None, cosine)
    agreement = float((a.argmax(-1) == b.argmax(-1)).mean())
    best, chosen = b.max(-1), b[np.arange(len(b)), a.argmax(-1)]
    # Scores that differ by less than a thousandth of the largest value count as equal.
    ranges = np.maximum(best - b.min(-1), 1e-3 * largest)
    loss = float(((best - chosen) / ranges).mean())
    return OutputCheck(name, tolerances, difference, agreement, cosine, loss)
