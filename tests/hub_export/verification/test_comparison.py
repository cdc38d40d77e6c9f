import numpy as np
import pytest

from hub_export.verification.comparison import Tolerances, Verification, check_output

CLEAR = np.array([[0.6, 0.3, 0.1]])
TIED = np.array([[0.30, 0.29, 0.0]])


@pytest.mark.parametrize(("scores", "lost"), [(CLEAR, 0.6), (TIED, 1 / 30)])
def test_classes_may_be_swapped_only_if_they_are_all_but_equal(scores, lost):
    swapped = scores[:, [1, 0, 2]]
    found = check_output("logits", swapped, scores, Tolerances(1.0, 0.8, 0.1), are_scores=True)
    assert found.agreement == 0
    assert found.score_loss == pytest.approx(lost)
    assert found.passed == (lost < 0.1)
    fault = Verification("a.tflite", 1, (found,)).fault
    assert fault == (
        ""
        if found.passed
        else "a.tflite doesn't match the model: logits predicts classes that the model scores "
        "lower than its own predictions by 60% of the range of its scores, expected at most 10%."
    )


def test_classes_of_a_model_that_prefers_none_may_be_swapped():
    even = np.full((2, 5), 0.2)
    found = check_output(
        "logits", even + 1e-9 * np.eye(5)[:2], even, Tolerances(1.0, 0.9, 0.1), are_scores=True
    )
    assert found.passed
    almost = even + 1e-6 * np.eye(5)[3:]
    assert (
        check_output("logits", even, almost, Tolerances(1.0, 0.9, 0.1), are_scores=True).score_loss
        < 0.1
    )


def test_features_have_no_classes():
    found = check_output("features", TIED[:, ::-1], TIED, Tolerances(1.0), are_scores=False)
    assert (found.agreement, found.score_loss, found.passed) == (None, 0.0, True)


@pytest.mark.parametrize("found", [None, TIED[:, :2], np.full_like(TIED, np.nan)])
def test_what_is_missing_or_no_number_differs_infinitely(found):
    assert check_output("logits", found, TIED, Tolerances(1.0), are_scores=True).fault == (
        "logits differs by inf of the model's largest value, expected at most 1e+00"
    )


def test_faults_are_told_together():
    faults = (
        check_output("a", 2 * TIED, TIED, Tolerances(0.1), are_scores=True),
        check_output("b", TIED[:, ::-1], TIED, Tolerances(2.0, 0.99), are_scores=False),
    )
    assert Verification("x", 1, faults).fault == (
        "x doesn't match the model: a differs by 1.0e+00 of the model's largest value, expected "
        "at most 1e-01; b has a cosine similarity of 0.483 with the model's output, expected at "
        "least 0.99."
    )
