"""Outputs of an export beside those of its model."""

from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class Check:
    """One output of an export beside the model's.

    Attributes:
        output: its name, such as "serving_default:logits".
        difference: the largest, as a share of the model's largest number; infinite where the
            output is missing, of another shape, or not finite.
        agreement: share of images with the same likeliest class; None for features.
        tolerance: up to which the difference is accepted.
        cosine: of the output and the model's, as vectors, on average over the images.
        least_cosine: from which it is accepted; rounding to few bits turns the vector little.
    """

    output: str
    difference: float
    agreement: float | None
    tolerance: float
    cosine: float = 0.0
    least_cosine: float = -1.0

    @property
    def passed(self) -> bool:
        """Whether the output is the model's."""
        return self.difference <= self.tolerance and self.cosine >= self.least_cosine


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
        return all(check.passed for check in self.checks)

    @property
    def fault(self) -> str:
        """What failed, in one line; empty if nothing did."""
        worst = [
            f"{check.output} differs by {check.difference:.1e} of the largest number, expected at "
            f"most {check.tolerance:.0e}"
            if not check.difference <= check.tolerance
            else f"{check.output} has the cosine {check.cosine:.3f} with the model's, expected at "
            f"least {check.least_cosine:g}"
            for check in self.checks
            if not check.passed
        ]
        return f"{self.export} is not the model: {'; '.join(worst)}." if worst else ""


def check(
    name: str,
    found: np.ndarray | None,
    wanted: np.ndarray,
    tolerance: float,
    least_cosine: float,
    scores: bool,
) -> Check:
    """Compare an output, (B, ...), with the model's.

    Args:
        name: of the output.
        found: what the export gave; None: it has no such output.
        wanted: what the model gives.
        tolerance: the largest difference to accept, as a share of the largest number.
        least_cosine: the least to accept.
        scores: whether the last axis are classes.
    """
    if found is None or found.shape != wanted.shape or not np.all(np.isfinite(found)):
        return Check(name, float("inf"), None, tolerance, least_cosine=least_cosine)
    tiny = float(np.finfo("float32").tiny)
    difference = float(np.abs(found - wanted).max()) / max(float(np.abs(wanted).max()), tiny)
    agreement = None
    if scores:
        agreement = float((found.argmax(-1) == wanted.argmax(-1)).mean())
    a, b = (x.reshape(len(x), -1).astype("float64") for x in (found, wanted))
    lengths = np.linalg.norm(a, axis=-1) * np.linalg.norm(b, axis=-1)
    cosine = float(np.mean((a * b).sum(-1) / np.maximum(lengths, tiny)))
    return Check(name, difference, agreement, tolerance, cosine, least_cosine)
