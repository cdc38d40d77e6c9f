import io

import pytest
import tensorflow as tf
from rich.console import Console

from training.distributed.cluster import ALONE, Cluster
from training.errors import TrainingError
from training.loop.callbacks import Checkpoints
from training.run.messages import explain_failures

FIRST, SECOND = (Cluster(("a:1", "b:1"), index) for index in (0, 1))


def raised(error, cluster=ALONE, terminated=False):
    """Return what becomes of an error in a step, what is printed, and whether callbacks ended."""
    text, callback = io.StringIO(), Checkpoints(None, steps=1)
    callback.on_train_begin()
    callback.terminated = terminated
    with (
        pytest.raises(BaseException) as caught,  # noqa: PT011
        explain_failures(Console(file=text), cluster, [callback]),
    ):
        raise error
    assert not callback._handles_sigterm  # Given back, though `fit` did not end.
    return caught.value, text.getvalue()


@pytest.mark.parametrize(
    ("error", "cluster", "message"),
    [
        (tf.errors.ResourceExhaustedError, ALONE, "The device has run out of memory; use a small"),
        (tf.errors.InvalidArgumentError, ALONE, r"A training step failed: No JPEG$"),
        (tf.errors.UnavailableError, ALONE, r"A training step failed: No JPEG$"),
        (tf.errors.UnavailableError, FIRST, "Another worker has ended, or can't be reached; start"),
        (tf.errors.AbortedError, SECOND, "Another worker has ended, or can't be reached; start"),
    ],
)
def test_errors_of_a_step_are_one_line(error, cluster, message):
    found, printed = raised(error(None, None, "No JPEG\n\t [[node]]"), cluster)
    assert isinstance(found, TrainingError)
    with pytest.raises(TrainingError, match=message):
        raise found
    assert "\n" not in str(found)
    assert printed == ""


def test_other_errors_stay_what_they_are():
    error = KeyError("x")
    assert raised(error) == (error, "")


def test_an_end_that_was_asked_for():
    found, printed = raised(SystemExit(143), terminated=True)
    assert found.code == 143
    assert printed.startswith("Terminated. The run is saved")


def test_workers_end_as_the_first_one_does():
    """It has saved the run, and is gone: that is no failure."""
    error = tf.errors.UnavailableError(None, None, "Socket closed")
    found, _ = raised(error, SECOND, terminated=True)
    assert (type(found), found.code) == (SystemExit, 143)
    found, _ = raised(error, FIRST, terminated=True)
    assert isinstance(found, TrainingError)
