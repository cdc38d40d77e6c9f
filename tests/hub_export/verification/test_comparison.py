import numpy as np
import pytest

from hub_export.verification.comparison import Accepted, Verification, check

CLEAR = np.array([[0.6, 0.3, 0.1]])
TIED = np.array([[0.30, 0.29, 0.0]])


@pytest.mark.parametrize(("scores", "lost"), [(CLEAR, 0.6), (TIED, 1 / 30)])
def test_classes_may_be_swapped_only_if_they_are_all_but_equal(scores, lost):
    swapped = scores[:, [1, 0, 2]]
    found = check("logits", swapped, scores, Accepted(1.0, 0.8, 0.1), scores=True)
    assert found.agreement == 0
    assert found.lost == pytest.approx(lost)
    assert found.passed == (lost < 0.1)
    fault = Verification("a.tflite", 1, (found,)).fault
    assert fault == (
        ""
        if found.passed
        else "a.tflite is not the model: logits finds other classes likeliest, to which the model "
        "gives less by 60% of the range of its scores, expected at most 10%."
    )


def test_classes_of_a_model_that_prefers_none_may_be_swapped():
    even = np.full((2, 5), 0.2)
    found = check("logits", even + 1e-9 * np.eye(5)[:2], even, Accepted(1.0, 0.9, 0.1), scores=True)
    assert found.passed
    almost = even + 1e-6 * np.eye(5)[3:]
    assert check("logits", even, almost, Accepted(1.0, 0.9, 0.1), scores=True).lost < 0.1


def test_features_have_no_classes():
    found = check("features", TIED[:, ::-1], TIED, Accepted(1.0), scores=False)
    assert (found.agreement, found.lost, found.passed) == (None, 0.0, True)


@pytest.mark.parametrize("found", [None, TIED[:, :2], np.full_like(TIED, np.nan)])
def test_what_is_missing_or_no_number_differs_infinitely(found):
    assert check("logits", found, TIED, Accepted(1.0), scores=True).fault == (
        "logits differs by inf of the largest number, expected at most 1e+00"
    )


def test_faults_are_told_together():
    faults = (
        check("a", 2 * TIED, TIED, Accepted(0.1), scores=True),
        check("b", TIED[:, ::-1], TIED, Accepted(2.0, 0.99), scores=False),
    )
    assert Verification("x", 1, faults).fault == (
        "x is not the model: a differs by 1.0e+00 of the largest number, expected at most 1e-01; "
        "b has the cosine 0.483 with the model's, expected at least 0.99."
    )
