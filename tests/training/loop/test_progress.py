import io
import re

from rich.console import Console

from tests.helpers.runs import batch, network, repeated
from training.loop.callbacks import Timing
from training.loop.progress import ShowProgress, epoch_line
from training.loop.trainer import Trainer
from training.losses import build_loss
from training.optimizer import SGD

LOGS = {
    "loss": 1.5,
    "val_loss": 1.25,
    "val_top1": 0.98765,
    "val_top5": 1.0,
    "learning_rate": 0.00125,
    "images_per_second": 12_345.6,
    "seconds": 61.04,
}


def shown(terminal, bar=True, classes=7):
    """Return what two epochs of three steps print."""
    images, labels = batch(classes=classes)
    model = Trainer(network(classes=classes))
    model.compile(SGD(0.1), build_loss("softmax"))
    text = io.StringIO()
    console = Console(file=text, force_terminal=terminal, width=100)
    held_out = repeated(images, labels.argmax(-1)).take(1)
    model.fit(
        repeated(images, labels),
        steps_per_epoch=3,
        epochs=2,
        validation_data=held_out,
        callbacks=[Timing(lambda step: 0.1, 8, 3), ShowProgress(console, 2, 3, 8, classes, bar)],
        shuffle=False,
        verbose=0,
    )
    return text.getvalue()


def test_a_line_says_all():
    assert epoch_line(3, 300, LOGS, classes=10) == (
        "epoch   3/300  loss 1.5000  validation: loss 1.2500  top-1 98.77 %  top-5 100.00 %  "
        "lr 1.25e-03  12,346 images/s  61.0 s"
    )
    assert "top-5" not in epoch_line(3, 300, LOGS, classes=5)


def test_no_bar_without_a_terminal():
    lines = shown(terminal=False).splitlines()
    assert len(lines) == 2
    for number, line in enumerate(lines, start=1):
        assert re.fullmatch(
            rf"epoch {number}/2  loss \d\.\d{{4}}  validation: loss \d\.\d{{4}}  "
            r"top-1 \d+\.\d\d %  top-5 \d+\.\d\d %  lr 1\.00e-01  [\d,]+ images/s  \d+\.\d s",
            line,
        )


def test_no_bar_in_a_quiet_run():
    assert "\x1b" not in shown(terminal=True, bar=False).replace("\x1b[0m", "")


def test_a_bar_on_a_terminal():
    text = re.sub(r"\x1b\[[\d;?]*[a-zA-Z]", "", shown(terminal=True))
    assert "epoch 1/2" in text
    assert re.search(r"loss \d\.\d{4}  top-1 \d+\.\d\d%", text)
    assert re.search(r"\d:\d\d:\d\d", text)
