"""A study: its runs made, and its report written."""

import warnings
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

from filelock import FileLock
from rich.console import Console

from keras_mixers.printable import printable
from training.comparison.collect import collect, is_study, study_subject
from training.comparison.folder import StudyFolder
from training.comparison.outcomes import Outcome, read_outcomes
from training.comparison.processes import make_runs
from training.comparison.report import HTML_FILE, Report, write_report
from training.comparison.speed import Speed, measure_speed, read_speeds, write_speeds
from training.comparison.trials import Shard, plan_trials
from training.devices import ONE_DEVICE, Devices
from training.errors import RunFolderError
from training.study import Study

_LOCK = ".report.lock"
_ALL = Shard()


def compare(
    study: Study,
    folder: str | Path,
    jobs: int = 1,
    shard: Shard = _ALL,
    data_dir: str | Path | None = None,
    devices: Devices = ONE_DEVICE,
    quiet: bool = False,
    speed: bool = True,
) -> Report:
    """Make the runs of a study that aren't finished, and write its report.

    Each run is one of `training.train.train`, in a process and a folder of its own. What is
    finished is not done again, what was stopped goes on, and what fails doesn't stop the others.

    Args:
        study: what to compare; `training.studies.find_study` returns those of the package.
        folder: folder to write into, created if needed: `report.html`, `report.md`, `results.csv`,
            `figures/`, `runs/`, `recipes/` and `study.json`. It may hold the same study with other
            seeds.
        jobs: number of runs at the same time.
        shard: the part of the runs to make here; other processes or machines, which share the
            folder, make the others. The last one to end writes the whole report.
        data_dir: folder of tensorflow-datasets; None: its default.
        devices: devices of each run.
        quiet: print nothing.
        speed: as soon as no run is left, time a network of each arm on this machine, once.

    Raises:
        RunFolderError: if the folder holds something else, or can't be written into.
        ValueError: if `jobs` is below 1, or a file of a run is damaged.

    Example: `compare(find_study("patches_or_attention"), "studies/mine").answer` is the answer in
    three sentences.
    """
    if jobs < 1:
        raise ValueError(f"jobs must be at least 1; received {jobs}.")
    console = Console(highlight=False, quiet=quiet)
    place = StudyFolder(folder)
    place.begin(study)
    trials = shard.of(plan_trials(study))
    make_runs(trials, place, jobs, None if data_dir is None else str(data_dir), devices, console)
    with _alone(place.path):
        outcomes = read_outcomes(study, place)
        speeds = read_speeds(place.path)
        if speed and not _is_measured(outcomes, speeds):
            console.print("Timing the networks, in turn.")
            try:
                speeds = measure_speed(outcomes, None if data_dir is None else str(data_dir))
                write_speeds(place.path, speeds)
            except (ChildProcessError, ValueError) as error:
                warnings.warn(f"The networks were not timed: {error}", stacklevel=2)
        report = write_report(study_subject(study), outcomes, place.path, speeds)
    _print_answer(report, console)
    return report


def report_runs(places: Sequence[str | Path], out: str | Path | None = None) -> Report:
    """Write a report from runs that are there, and make none.

    Args:
        places: folders of studies or runs. With several, the first arm of the first one is the
            base, and labels of arms begin with the name of their study. Runs whose recipes differ
            in nothing but the seed are one arm.
        out: folder to write into; None: that of the only study.

    Raises:
        RunFolderError: if a folder holds neither, or nothing says where to write.
        ValueError: if a file is damaged.
    """
    paths = [Path(place) for place in places]
    if out is None and not (len(paths) == 1 and is_study(paths[0])):
        raise RunFolderError(
            "A report of anything but one study's folder needs a folder to write into; add --out."
        )
    folder = paths[0] if out is None else Path(out)
    subject, outcomes = collect(paths)
    folder.mkdir(parents=True, exist_ok=True)
    speeds = read_speeds(paths[0]) if len(paths) == 1 else {}
    with _alone(folder):
        report = write_report(subject, outcomes, folder, speeds)
    _print_answer(report, Console(highlight=False))
    return report


def _is_measured(outcomes: Sequence[Outcome], speeds: Mapping[str, Speed]) -> bool:
    """Tell whether nothing is left to time, or other runs would disturb it."""
    arms = {outcome.arm for outcome in outcomes if outcome.status == "finished"}
    return arms <= set(speeds) or any(each.status == "not finished" for each in outcomes)


@contextmanager
def _alone(folder: Path) -> Iterator[None]:
    """Let one process at a time read runs and write their report: the last one sees all."""
    with FileLock(folder / _LOCK):
        yield


def _print_answer(report: Report, console: Console) -> None:
    for line in (*report.answer, f"The report is {report.folder / HTML_FILE}."):
        console.print(printable(line), markup=False, soft_wrap=True)
