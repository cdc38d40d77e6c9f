import io
import re

from rich.console import Console

from training.loop.progress import ShowProgress, epoch_line

LOGS = {
    "loss": 1.5,
    "val_loss": 1.25,
    "val_top1": 0.98765,
    "val_top5": 1.0,
    "learning_rate": 0.00125,
    "images_per_second": 12_345.6,
    "seconds": 61.04,
}


def shown(terminal, bar=True):
    """Return what two epochs of three steps print; tests/training/test_train.py calls `fit`."""
    text = io.StringIO()
    console = Console(file=text, force_terminal=terminal, width=100)
    progress = ShowProgress(console, epochs=2, steps=3, batch_size=8, classes=7, bar=bar)
    progress.set_params({"steps": 3})
    progress.on_train_begin()
    for epoch in range(2):
        progress.on_epoch_begin(epoch)
        for step in range(3):
            progress.on_train_batch_end(step, {"loss": 1.5, "top1": 0.25})
        progress.on_epoch_end(epoch, LOGS)
    progress.on_train_end()
    return text.getvalue()


def test_a_line_says_all():
    assert epoch_line(3, 300, LOGS, classes=10) == (
        "epoch   3/300  loss 1.5000  validation: loss 1.2500  top-1 98.77 %  top-5 100.00 %  "
        "lr 1.25e-03  12,346 images/s  61.0 s"
    )
    assert "top-5" not in epoch_line(3, 300, LOGS, classes=5)


def test_no_bar_without_a_terminal():
    assert shown(terminal=False).splitlines() == [epoch_line(n, 2, LOGS, classes=7) for n in (1, 2)]


def test_no_bar_in_a_quiet_run():
    assert "\x1b" not in shown(terminal=True, bar=False).replace("\x1b[0m", "")


def test_a_bar_on_a_terminal():
    text = re.sub(r"\x1b\[[\d;?]*[a-zA-Z]", "", shown(terminal=True))
    assert "epoch 1/2" in text
    assert "loss 1.5000  top-1 25.00%" in text
    assert re.search(r"\d:\d\d:\d\d", text)
