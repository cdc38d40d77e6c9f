import keras
import numpy as np
import pytest
import torch

from training.losses import SigmoidCrossentropy, build_loss

CLASSES = 7


@pytest.fixture
def batch() -> tuple[np.ndarray, np.ndarray]:
    """Labels that MixUp has mixed, and logits of which some are extreme."""
    random = np.random.default_rng(0)
    one_hot = np.eye(CLASSES, dtype="float32")[random.integers(CLASSES, size=(2, 5))]
    logits = random.normal(scale=4, size=(5, CLASSES)).astype("float32")
    logits[0, 0], logits[0, 1] = 90, -90
    return 0.3 * one_hot[0] + 0.7 * one_hot[1], logits


def test_smoothing_of_mixed_labels_is_timms(batch):
    labels, logits = batch
    # timm smooths the labels, each 1 to `on` and each 0 to `off`, and mixes them then.
    off = 0.1 / CLASSES
    smoothed = torch.tensor(labels) * (1 - 0.1) + off
    log_p = torch.log_softmax(torch.tensor(logits), dim=-1)
    wanted = -(smoothed * log_p).sum(dim=-1).mean().item()
    assert float(build_loss("softmax", 0.1)(labels, logits)) == pytest.approx(wanted, rel=1e-6)


def test_softmax_of_one_class_is_torchs(batch):
    _, logits = batch
    target = np.array([0, 1, 2, 3, 6])
    wanted = torch.nn.CrossEntropyLoss(label_smoothing=0.1)(
        torch.tensor(logits), torch.tensor(target)
    )
    received = build_loss("softmax", 0.1)(np.eye(CLASSES)[target], logits)
    assert float(received) == pytest.approx(wanted.item(), rel=1e-6)


def test_sigmoid_is_summed_over_classes(batch):
    labels, logits = batch
    each = torch.nn.functional.binary_cross_entropy_with_logits(
        torch.tensor(logits), torch.tensor(labels), reduction="none"
    )
    received = float(build_loss("sigmoid")(labels, logits))
    assert received == pytest.approx(each.sum(dim=-1).mean().item(), rel=1e-6)


def test_sigmoid_starts_small_with_the_papers_head_bias():
    labels = np.eye(1000, dtype="float32")[:4]
    received = float(SigmoidCrossentropy()(labels, np.full((4, 1000), -6.9, "float32")))
    assert received == pytest.approx(1000 * np.log1p(np.exp(-6.9)) + 6.9, rel=1e-5)


def test_losses_survive_a_saved_model(tmp_path):
    model = keras.Sequential([keras.Input((3,)), keras.layers.Dense(2)])
    model.compile("sgd", build_loss("sigmoid"))
    model.save(tmp_path / "model.keras")
    assert isinstance(keras.models.load_model(tmp_path / "model.keras").loss, SigmoidCrossentropy)


@pytest.mark.parametrize(("loss", "smoothing"), [("sigmoid", 0.1), ("hinge", 0.0)])
def test_other_losses_are_refused(loss, smoothing):
    with pytest.raises(ValueError, match=f"received '{loss}' with label_smoothing={smoothing}"):
        build_loss(loss, smoothing)
