"""Outputs of an export beside those of its model."""

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np


class Accepted(NamedTuple):
    """How far an output may be from the model's.

    Attributes:
        difference: the largest, as a share of the model's largest number.
        cosine: the least.
        lost: the most; see `Check`.
    """

    difference: float
    cosine: float = -1.0
    lost: float = 1.0


@dataclass(frozen=True)
class Check:
    """One output of an export beside the model's.

    Attributes:
        output: its name, such as "serving_default:logits".
        accepted: how far it may be from the model's.
        difference: the largest, as a share of the model's largest number; infinite where the
            output is missing, of another shape, or not finite.
        agreement: share of images with the same likeliest class; None for features.
        cosine: of the output and the model's, as vectors, on average over the images; rounding to
            few bits turns the vector little.
        lost: by how much the model's score of its own likeliest class exceeds that of the output's,
            as a share of the range of an image's scores, on average over the images; 0 for
            features. Rounding swaps classes that are all but equal, and loses little.
    """

    output: str
    accepted: Accepted
    difference: float
    agreement: float | None
    cosine: float = 0.0
    lost: float = 0.0

    @property
    def tolerance(self) -> float:
        """Up to which the difference is accepted."""
        return self.accepted.difference

    @property
    def passed(self) -> bool:
        """Whether the output is the model's."""
        return not self.fault

    @property
    def fault(self) -> str:
        """What failed, without a full stop; empty if nothing did."""
        most, least_cosine, most_lost = self.accepted
        if not self.difference <= most:
            return (
                f"{self.output} differs by {self.difference:.1e} of the largest number, expected "
                f"at most {most:.0e}"
            )
        if not self.cosine >= least_cosine:
            return (
                f"{self.output} has the cosine {self.cosine:.3f} with the model's, expected at "
                f"least {least_cosine:g}"
            )
        if not self.lost <= most_lost:
            return (
                f"{self.output} finds other classes likeliest, to which the model gives less by "
                f"{self.lost:.0%} of the range of its scores, expected at most {most_lost:.0%}"
            )
        return ""


@dataclass(frozen=True)
class Verification:
    """What was compared.

    Attributes:
        export: the name of the file or folder.
        images: how many were run.
        checks: one an output.
    """

    export: str
    images: int
    checks: tuple[Check, ...]

    @property
    def passed(self) -> bool:
        """Whether every output is the model's."""
        return not self.fault

    @property
    def fault(self) -> str:
        """What failed, in one line; empty if nothing did."""
        faults = [check.fault for check in self.checks if check.fault]
        return f"{self.export} is not the model: {'; '.join(faults)}." if faults else ""


def check(
    name: str, found: np.ndarray | None, wanted: np.ndarray, accepted: Accepted, scores: bool
) -> Check:
    """Compare an output, (B, ...), with the model's.

    Args:
        name: of the output.
        found: what the export gave; None: it has no such output.
        wanted: what the model gives.
        accepted: how far they may be apart.
        scores: whether the last axis are classes.

    >>> scores = np.array([[1.0, 2.0]])
    >>> found = check("call", scores + 0.25, scores, Accepted(0.1), scores=True)
    >>> found.difference, found.agreement, found.lost, found.passed
    (0.125, 1.0, 0.0, False)
    """
    if found is None or found.shape != wanted.shape or not np.all(np.isfinite(found)):
        return Check(name, accepted, float("inf"), None)
    tiny = float(np.finfo("float32").tiny)
    largest = max(float(np.abs(wanted).max()), tiny)
    difference = float(np.abs(found - wanted).max()) / largest
    a, b = (x.reshape(len(x), -1).astype("float64") for x in (found, wanted))
    lengths = np.linalg.norm(a, axis=-1) * np.linalg.norm(b, axis=-1)
    cosine = float(np.mean((a * b).sum(-1) / np.maximum(lengths, tiny)))
    if not scores:
        return Check(name, accepted, difference, None, cosine)
    agreement = float((a.argmax(-1) == b.argmax(-1)).mean())
    best, chosen = b.max(-1), b[np.arange(len(b)), a.argmax(-1)]
    # Scores that differ by less than a thousandth of the largest number are as good as equal.
    ranges = np.maximum(best - b.min(-1), 1e-3 * largest)
    return Check(
        name, accepted, difference, agreement, cosine, float(((best - chosen) / ranges).mean())
    )
