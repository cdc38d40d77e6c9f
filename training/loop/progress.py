"""Progress on the terminal: a bar for the run, and a line for each epoch."""

from collections.abc import Mapping

from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn

from training.loop.callbacks import StepCallback


class ShowProgress(StepCallback):
    """Prints a line after each epoch and, on a terminal, shows a progress bar.

    It must come after `training.loop.callbacks.Timing`.

    Args:
        console: console to print to.
        epochs: number of epochs of the whole run.
        steps: number of steps per epoch.
        batch_size: number of images per step.
        classes: number of classes; top-5 is printed if there are more than five.
        bar: whether to show the bar.
    """

    def __init__(
        self,
        console: Console,
        epochs: int,
        steps: int,
        batch_size: int,
        classes: int,
        bar: bool = True,
    ) -> None:
        super().__init__(steps)
        self.console = console
        self.epochs = epochs
        self.batch_size = batch_size
        self.classes = classes
        self._bar = Progress(
            TextColumn("epoch {task.fields[epoch]}"),
            BarColumn(),
            TextColumn("{task.fields[state]}"),
            TimeRemainingColumn(),
            console=console,
            transient=True,
            disable=not (bar and console.is_terminal),
        )

    def on_train_begin(self, logs: Mapping[str, float] | None = None) -> None:
        if not self._bar.tasks:  # Resuming in the middle of an epoch calls `fit` twice.
            self._bar.add_task("", total=self.epochs * self.steps, epoch="", state="")
        self._task = self._bar.task_ids[0]
        self._bar.start()

    def on_epoch_begin(self, epoch: int, logs: Mapping[str, float] | None = None) -> None:
        super().on_epoch_begin(epoch, logs)
        name = f"{epoch + 1}/{self.epochs}"
        self._bar.update(self._task, epoch=name, completed=self.first_step)

    def on_train_batch_end(self, batch: int, logs: Mapping[str, float] | None = None) -> None:
        if self._bar.disable:
            return
        speed = self._bar.tasks[0].speed
        rate = "" if speed is None else f"  {speed * self.batch_size:,.0f} images/s"
        values = logs or {}
        state = f"loss {values['loss']:.4f}  top-1 {values['top1']:.2%}{rate}"
        self._bar.update(self._task, completed=self.steps_after(batch), state=state)

    def on_epoch_end(self, epoch: int, logs: Mapping[str, float] | None = None) -> None:
        line = epoch_line(epoch + 1, self.epochs, logs or {}, self.classes)
        self.console.print(line, markup=False, highlight=False, soft_wrap=True)

    def on_train_end(self, logs: Mapping[str, float] | None = None) -> None:
        self._bar.stop()


def epoch_line(epoch: int, epochs: int, logs: Mapping[str, float], classes: int) -> str:
    """Return the line that is printed after an epoch.

    Args:
        epoch: number of the epoch, from 1.
        epochs: number of epochs of the whole run.
        logs: logs of the epoch, including those of `training.loop.callbacks.Timing`.
        classes: number of classes; top-5 is included if there are more than five.

    >>> logs = {"loss": 1.5, "val_loss": 1.25, "val_top1": 0.5, "learning_rate": 0.01}
    >>> logs |= {"images_per_second": 1234.5, "seconds": 1.04}
    >>> epoch_line(3, 20, logs, classes=2).partition("validation: ")[2]
    'loss 1.2500  top-1 50.00 %  lr 1.00e-02  1,234 images/s  1.0 s'
    """
    parts = [
        f"epoch {epoch:{len(str(epochs))}}/{epochs}",
        f"loss {logs['loss']:.4f}",
        f"validation: loss {logs['val_loss']:.4f}",
        f"top-1 {100 * logs['val_top1']:.2f} %",
        f"lr {logs['learning_rate']:.2e}",
        f"{logs['images_per_second']:,.0f} images/s",
        f"{logs['seconds']:.1f} s",
    ]
    if classes > 5:
        parts.insert(4, f"top-5 {100 * logs['val_top5']:.2f} %")
    return "  ".join(parts)
