"""Writes a network for each runtime, compares what they compute, and times them in turn."""

import importlib.util
import tempfile
from concurrent.futures.process import BrokenProcessPool
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from statistics import median

import keras
import numpy as np

from hub_export.benchmark import sides
from hub_export.benchmark.machine import available_threads
from hub_export.benchmark.runtimes import Runtime, find_runtimes
from hub_export.benchmark.turns import new_process, time_in_turns
from hub_export.onnx import write_onnx
from hub_export.openvino import write_openvino
from hub_export.requirements import require_tensorflow
from hub_export.tflite.calibration import MIN_IMAGES
from hub_export.tflite.convert import INTEGER_OPERATORS
from hub_export.tflite.export import write_with_settings
from hub_export.tflite.settings import Settings
from hub_export.verification.comparison import OutputCheck, Tolerances, check_output
from hub_export.verification.tflite_tolerances import TFLITE_TOLERANCES
from hub_export.verification.verify import PRECISION_TOLERANCES
from keras_mixers.inference import image_shape


@dataclass(frozen=True)
class Measurement:
    """How fast one runtime computes a network.

    Attributes:
        runtime: Name of the runtime.
        milliseconds: For one image, one figure per round.
        difference: Largest difference from Keras's output, as a share of its largest value.
    """

    runtime: str
    milliseconds: list[float]
    difference: float

    @property
    def median(self) -> float:
        """Median milliseconds for one image."""
        return median(self.milliseconds)


@dataclass(frozen=True)
class Comparison:
    """A network in the runtimes of this machine.

    Attributes:
        measurements: The fastest first.
        failures: Why a runtime could not compute the network, by name.
        missing: The extra of keras-mixers that would install a runtime, by name.
    """

    measurements: list[Measurement]
    failures: dict[str, str]
    missing: dict[str, str]


def compare_runtimes(
    model: keras.Model,
    runtimes: tuple[str, ...] = (),
    batch: int = 1,
    rounds: int = 5,
    threads: int | None = None,
    size: int | None = None,
) -> Comparison:
    """Time a network in each runtime that is installed, the fastest first.

    Each runtime has a process of its own and the network in its own form, such as a TFLite file.
    They take turns, and every second round runs in reverse order. Images are random pixels, from
    which integers are calibrated too: `difference` says that a runtime computes this network, and
    nothing of a trained one's accuracy.

    Args:
        model: A model of images (B, H, W, C).
        runtimes: Names of `hub_export.benchmark.runtimes.RUNTIMES`; all by default.
        batch: Number of images at a time.
        rounds: Number of figures for each runtime.
        threads: Number of threads; by default, as many as there are cores.
        size: Height and width of the images, if the model takes any; 224 by default.

    Raises:
        ValueError: If there is no such runtime, Keras doesn't run on TensorFlow, or a size is given
            for a model that takes only one.
        ChildProcessError: If a process ends while it is timed.

    Example:

    >>> import keras_mixers
    >>> model = keras_mixers.ConvMixer(8, 1, input_shape=(32, 32, 3), classes=5)
    >>> found = compare_runtimes(model, ("litert",), rounds=1, threads=1)
    >>> [measurement.runtime for measurement in found.measurements]
    ['litert']
    """
    require_tensorflow()
    shape = image_shape(model, size)
    chosen = find_runtimes(runtimes)
    installed = [runtime for runtime in chosen if importlib.util.find_spec(runtime.package)]
    missing = {each.name: each.extra for each in chosen if each not in installed}
    pixels = np.random.default_rng(0).integers(0, 256, (max(batch, MIN_IMAGES), *shape), "uint8")
    expected = np.asarray(model(pixels[:batch].astype("float32"), training=False))
    failures: dict[str, str] = {}
    checks: dict[str, OutputCheck] = {}
    turns = []
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        for runtime in installed:
            process = stack.enter_context(new_process())
            try:
                path = _write(model, runtime, pixels, batch, folder)
                start = (runtime, path, pixels[:batch], threads or available_threads())
                found = process.submit(sides.start, *start).result()
            except Exception as error:
                # Each runtime has errors of its own, and the others are timed all the same.
                failures[runtime.name] = _first_line(error)
                continue
            check = check_output(runtime.name, found, expected, _tolerances(runtime), False)
            if check.passed:
                checks[runtime.name] = check
                turns.append((process, runtime.name))
            else:
                failures[runtime.name] = check.fault
        try:
            times = time_in_turns(turns, sides.seconds, rounds)
        except BrokenProcessPool:
            raise ChildProcessError(
                "A runtime's process ended while it was timed, perhaps for lack of memory; choose "
                "fewer runtimes or a smaller batch."
            ) from None
    measurements = [
        Measurement(name, [1000 * value / batch for value in values], checks[name].difference)
        for name, values in times.items()
    ]
    return Comparison(sorted(measurements, key=lambda each: each.median), failures, missing)


def _write(
    model: keras.Model, runtime: Runtime, pixels: np.ndarray, batch: int, folder: Path
) -> Path:
    """Write the network in the form that a runtime loads, and return its place."""
    if runtime.form == "keras":
        path = folder / "model.keras"
        if not path.exists():
            model.save(path)
        return path
    if runtime.form == "tflite":
        path = folder / f"{runtime.name}.tflite"
        settings = Settings(runtime.quantize, batch, pixels.shape[1:], input_type="float32")
        calibration = pixels.astype("float32") if runtime.quantize in INTEGER_OPERATORS else None
        write_with_settings(model, settings, calibration, path)
    elif runtime.form == "onnx":
        path = folder / "model.onnx"
        write_onnx(model, path)
    else:
        path = folder / "openvino"
        write_openvino(model, path)
    return path


def _tolerances(runtime: Runtime) -> Tolerances:
    """Return how far a runtime may be from Keras if it computes the same network."""
    if runtime.quantize != "none":
        return TFLITE_TOLERANCES[runtime.quantize]
    precision = "bfloat16" if runtime.call == "bfloat16" else "float32"
    return Tolerances(PRECISION_TOLERANCES[precision])


def _first_line(error: Exception) -> str:
    return (str(error).strip() or type(error).__name__).splitlines()[0]
