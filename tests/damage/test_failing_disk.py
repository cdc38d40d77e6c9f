"""Commands whose disk fails at random points: one line, and whole files or those from before."""

import multiprocessing
import random
import re
import shutil
import zipfile
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pytest
from PIL import Image

from tests.damage import failing_disk
from tests.damage.failing_disk import KINDS, Fault, Outcome
from tests.helpers.export_models import conv_mixer, perturb
from tests.helpers.runs import tiny
from tests.keras_mixers.weights.damage import write_all
from tests.keras_mixers.weights.golden import DATA
from tests.training.comparison.runs import STUDY

pytestmark = pytest.mark.damage


class Command(NamedTuple):
    """A command whose disk fails.

    Attributes:
        name: Of the test.
        arguments: With {} for the user's folder.
        points: Number of faults to try.
        target: What it writes in the user's folder; "" if it only reads.
    """

    name: str
    arguments: str
    points: int
    target: str = ""


_BENCHMARK = "benchmark {}/run --runtime litert --rounds 1"
COMMANDS = (
    Command("weights", "weights mixer_b16 --verify", 15),
    Command("convert", "convert {}/weights.npz {}/out.keras", 45, "out.keras"),
    Command("convert again", "convert {}/weights.npz {}/old.keras --overwrite", 45, "old.keras"),
    Command("predict", "predict {}/run {}/a.png", 35),
    Command("evaluate", "evaluate {}/run --data npz:{}/data.npz", 30),
    Command("evaluate a folder", "evaluate {}/run --data folder:{}/images", 30),
    Command("few-shot", "few-shot {}/run --data npz:{}/data.npz --shots 2 --seeds 1", 25),
    Command("train", "train {}/recipe.json --run {}/new --quiet", 10, "new"),
    Command("tflite", "export tflite {}/run {}/out.tflite", 20, "out.tflite"),
    Command("tflite again", "export tflite {}/run {}/old.tflite --overwrite", 10, "old.tflite"),
    Command("hub", "export hub {}/run {}/out --tar", 6, "out"),
    Command("hub again", "export hub {}/run {}/old --overwrite", 5, "old"),
    Command("onnx", "export onnx {}/run {}/out.onnx", 15, "out.onnx"),
    Command("openvino", "export openvino {}/run {}/out", 15, "out"),
    Command("checkpoint", "export checkpoint {}/run {}/out.safetensors", 15, "out.safetensors"),
    Command("web", "export web {}/run {}/out", 20, "out"),
    Command("publish", "publish hf {}/run user/name --dry-run --out {}/out", 20, "out"),
    Command("quickstart", "quickstart --out {}/new", 6, "new"),
    Command("benchmark", f"{_BENCHMARK} --out {{}}/new.json", 10, "new.json"),
    Command("benchmark's plot", f"{_BENCHMARK} --plot {{}}/new.png", 10, "new.png"),
    Command("compare", "compare {}/study.json --run {}/new --no-speed --quiet", 30, "new"),
    Command("explain", "explain {}/run {}/a.png --what filters --out {}/new", 20, "new"),
    Command("verify", "verify {}/old.tflite --against {}/run", 24),
)
# Keras doesn't remove the empty folder that it makes for every file.
OF_KERAS = re.compile(r"tmp/tmp\w+(/assets)?")
STAGED = re.compile(r"/\.[^/]+-writing(/\.lock)?$")
# What the user names and can't be read is a wrong argument.
ARGUMENTS = ("user/recipe.json", "user/study.json")
HALF = "half a target"
TIMES = re.compile(r"\.\d+\..*\.v2$")  # In the names of TensorBoard's files.
# `weights` says it in its list.
SAID = re.compile(r"(?m)^error: |  can't be read ")
Content = dict[str, bytes | None]


class Bench:
    """A user's folder, and a process that runs commands on it."""

    def __init__(self, folder: Path, server: ProcessPoolExecutor) -> None:
        self.root, self._server, self._first = folder / "root", server, folder / "first"
        self.user = self.root / "user"
        self._first.mkdir()
        _write_inputs(self._first)
        for what in ("tflite {}/run {}/old.tflite", "hub {}/run {}/old"):
            self.reset()
            assert self.run(f"export {what}").code == 0
            shutil.rmtree(self._first)
            shutil.copytree(self.user, self._first)

    def reset(self) -> None:
        """Make everything as it was at first."""
        shutil.rmtree(self.root, ignore_errors=True)
        (self.root / "tmp").mkdir(parents=True)
        shutil.copytree(self._first, self.user)

    def run(self, arguments: str, fault: Fault | None = None) -> Outcome:
        words = arguments.replace("{}", str(self.user)).split()
        return self._server.submit(failing_disk.run, words, str(self.root), fault).result(600)

    def content(self) -> Content:
        """Return what is in the user's folder, and what is left in the temporary one."""
        folders = [self.user, self.root / "tmp"]
        paths = [path for folder in folders for path in folder.rglob("*")]
        return {TIMES.sub("", str(path.relative_to(self.root))): _essence(path) for path in paths}


def _essence(path: Path) -> bytes | None:
    """Return what is in a file, but for dates; None for a folder."""
    if path.suffix == ".keras" and zipfile.is_zipfile(path):
        with zipfile.ZipFile(path) as archive:
            sums = {name: archive.getinfo(name).CRC for name in archive.namelist()}
            assert archive.testzip() is None
        return repr(sums | {"metadata.json": "a date"}).encode()
    return path.read_bytes() if path.is_file() else None


def _write_inputs(folder: Path) -> None:
    noise = np.random.default_rng(0)
    model = conv_mixer(name="mine")
    perturb(model)
    (folder / "run").mkdir()
    model.save(folder / "run" / "model.keras")
    (folder / "run" / "labels.txt").write_text("a\nb\nc\nd\ne\n")
    write_all(folder)
    (folder / "weights.npz").write_bytes((folder / "stored.npz").read_bytes())
    (folder / "old.keras").write_bytes((folder / "run" / "model.keras").read_bytes())
    shutil.copy(DATA / "mixer_google.npz", folder / "imagenet1k-Mixer-B_16.npz")
    images = noise.integers(0, 256, (30, 32, 32, 3), np.uint8)
    np.savez(folder / "data.npz", images=images, labels=np.arange(30) % 5)
    for number, image in enumerate(images[:15]):
        place = folder / "images" / "abcde"[number % 5]
        place.mkdir(parents=True, exist_ok=True)
        Image.fromarray(image).save(place / f"{number}.png")
    Image.fromarray(images[0]).save(folder / "a.png")
    (folder / "recipe.json").write_text(tiny(epochs=1).to_json())
    (folder / "study.json").write_text(STUDY.to_json())


@pytest.fixture(scope="module")
def bench(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Bench]:
    folder = tmp_path_factory.mktemp("disk")
    root = str(folder / "root")
    with ProcessPoolExecutor(
        1, multiprocessing.get_context("spawn"), failing_disk.start, (root,)
    ) as server:
        yield Bench(folder, server)


def _said(outcome: Outcome) -> str:
    return re.sub(r"[\d,.]+ images/s", "", outcome.out)


def _inside(name: str, target: str) -> bool:
    return bool(target) and (name == f"user/{target}" or name.startswith(f"user/{target}/"))


class Whole:
    """What a command does when nothing fails."""

    def __init__(self, bench: Bench, command: Command) -> None:
        self.command = command
        bench.reset()
        self.before = bench.content()
        self.outcome = bench.run(command.arguments)
        assert self.outcome.code == 0, self.outcome
        self.content = bench.content()
        bench.reset()
        again = bench.run(command.arguments)
        # Dates and times are other ones each time.
        self.same = {name for name, value in bench.content().items() if value == self.content[name]}
        self.says_the_same = _said(again) == _said(self.outcome)

    def is_target_in(self, content: Content) -> bool:
        """Tell whether the target is all there."""
        names = {name for name in self.content if _inside(name, self.command.target)}
        found = {
            name
            for name in content
            if _inside(name, self.command.target) and not STAGED.search(name)
        }
        return names == found and all(
            content[name] == self.content[name] for name in names & self.same
        )

    def faults_of(self, outcome: Outcome, content: Content) -> list[str]:
        """Return what is wrong after a fault of the disk."""
        lines = outcome.err.splitlines()
        before = {n: v for n, v in self.before.items() if _inside(n, self.command.target)}
        after = {n: v for n, v in content.items() if _inside(n, self.command.target)}
        rest = {n: v for n, v in content.items() if n not in after}
        left = {name for name in set(rest) - set(self.before) if not OF_KERAS.fullmatch(name)}
        if outcome.path in content and content[outcome.path] is None:
            # A folder that the disk refuses to remove stays.
            left = {name for name in left if not name.startswith(outcome.path)}
        wrong = {
            f"traceback {outcome.traceback}": bool(outcome.traceback),
            f"status {outcome.code}": outcome.code not in (0, 1 + (outcome.path in ARGUMENTS)),
            "too many lines": len(lines) > 2 or "Traceback" in outcome.err,
            "no line": outcome.code == 1 and not SAID.search(outcome.err + outcome.out),
            HALF: after != before and not self.is_target_in(content),
            "no target": outcome.code == 0 and not self.is_target_in(content),
            "other words": outcome.code == 0
            and self.says_the_same
            and _said(outcome) != _said(self.outcome),
            f"left {sorted(left)}": bool(left),
            "changed": any(rest.get(n) != v for n, v in self.before.items() if n not in before),
        }
        return [fault for fault, is_so in wrong.items() if is_so]


@pytest.mark.parametrize("command", COMMANDS, ids=lambda command: command.name)
def test_a_disk_that_fails(bench: Bench, command: Command) -> None:
    chance = random.Random(command.name)
    whole = Whole(bench, command)
    results: Counter[str] = Counter()
    wrong = []
    for number in range(command.points):
        at = chance.randint(1, whole.outcome.operations)
        fault = Fault(at, KINDS[number % len(KINDS)], chance.choice([0, 100, 3000]))
        bench.reset()
        outcome = bench.run(command.arguments, fault)
        content = bench.content()
        faults = whole.faults_of(outcome, content)
        if (
            command.name in ("train", "compare")
            and outcome.code
            and not whole.is_target_in(content)
        ):
            faults = [fault for fault in faults if fault != HALF]
            if bench.run(command.arguments).code or not whole.is_target_in(bench.content()):
                faults.append("it does not go on")
        results["harmless" if outcome.code == 0 else "told"] += 1
        if faults:
            wrong.append((faults, fault, outcome.path, outcome.err, outcome.out[-200:]))
    print(f"{command.name}: {whole.outcome.operations} operations, {dict(results)}")
    assert not wrong, "\n".join(map(str, wrong))
