"""What all tests share: the same seed, Keras's settings put back, the examples of README and docs
as tests, and one process that runs exports.

What the tests, and the processes that they start, write into the temporary folder lies in a folder
of this session that goes when it ends: tensorflow-datasets, for one, does not remove its own. To
keep what a test wrote in `tmp_path`: `pytest --basetemp FOLDER`.
"""

import gc
import multiprocessing
import os
import shutil
import sys
import tempfile
import traceback
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor
from multiprocessing.util import Finalize
from pathlib import Path

import pytest
from hypothesis import settings
from sybil import Sybil
from sybil.parsers.markdown import PythonCodeBlockParser

from tests.helpers.bfloat16 import crashes_in_bfloat16

# TensorFlow, which the process that starts pytest-xdist's workers does without, reads these while
# it is imported. keras_mixers turns on oneDNN, but a test may import Keras first; and two tests at
# once on two cores would share four threads.
os.environ.setdefault("TF_ENABLE_ONEDNN_OPTS", "1")
if "PYTEST_XDIST_WORKER" in os.environ:
    os.environ.setdefault("TF_NUM_INTRAOP_THREADS", "1")

# PyPI's torch for Python 3.12 and newer is the CUDA build, which brings Triton. Both Triton and
# TensorFlow hold an LLVM, and the process ends where they meet. No test needs Triton.
sys.modules.setdefault("triton", None)  # type: ignore[arg-type]

ROOT = Path(__file__).parent

# Hypothesis tries the same examples in every run, without a time limit, and keeps no files.
settings.register_profile("same", derandomize=True, deadline=None, database=None, max_examples=25)
settings.load_profile("same")


def pytest_configure(config: pytest.Config) -> None:
    if hasattr(config, "workerinput"):
        return  # A worker of pytest-xdist uses the folder of the process that started it.
    folder = tempfile.mkdtemp(prefix="keras-mixers-tests-")
    os.environ["TMPDIR"] = tempfile.tempdir = folder
    # After multiprocessing (-100) has removed its own folder in it.
    Finalize(None, shutil.rmtree, (folder,), {"ignore_errors": True}, exitpriority=-200)


def pytest_collection_finish() -> None:
    gc.set_threshold(20_000, 20, 20)


@pytest.fixture(autouse=True, scope="module")
def _frozen_garbage() -> None:
    # Keras and the TFLite converter collect garbage at every export. What was imported, and what
    # other files' tests keep, is none, and is millions of objects.
    gc.collect()
    gc.freeze()


@pytest.fixture(autouse=True, scope="module")
def _no_kernels_of_other_files() -> None:
    import keras

    # Drops them; what a fixture of the file draws then differs from what its tests draw from 0.
    keras.utils.set_random_seed(1)


def pytest_runtest_setup(item: pytest.Item) -> None:
    if item.get_closest_marker("bfloat16") and crashes_in_bfloat16():
        pytest.skip("oneDNN may not use this machine's AVX-512, and TensorFlow does not know it")


def _enter(namespace: dict) -> None:
    """Run a page's examples where they may write, with the tests' data at hand."""
    namespace["_folder"] = tempfile.TemporaryDirectory()
    os.chdir(namespace["_folder"].name)
    os.symlink(ROOT / "tests", "tests")


def _leave(namespace: dict) -> None:
    os.chdir(ROOT)
    namespace["_folder"].cleanup()


pytest_collect_file = Sybil(
    parsers=[PythonCodeBlockParser()],
    patterns=["README.md", "docs/*.md", "docs/*/*.md"],
    setup=_enter,
    teardown=_leave,
).pytest()


@pytest.fixture(autouse=True)
def _fresh_keras() -> Iterator[None]:
    import keras
    from tensorflow.python import pywrap_tfe

    # With every seed, TensorFlow drops the kernels of all eager operations, since those of
    # `tf.random.uniform` and its like hold their state; making them again for each test took a
    # quarter of the tests' time. Tests that run such operations ask for `fresh_kernels`.
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(pywrap_tfe, "TFE_ContextClearCaches", lambda _: None)
        keras.utils.set_random_seed(0)
    yield
    keras.config.set_image_data_format("channels_last")
    keras.config.set_dtype_policy("float32")


@pytest.fixture
def fresh_kernels(_fresh_keras: None) -> None:
    """Begin as a new process does with random operations that have a state and run eagerly."""
    import keras

    keras.utils.set_random_seed(0)


@pytest.fixture(scope="session", autouse=True)
def _start_worker() -> Iterator[Callable]:
    """Let `verify` run all exports in the same other process: TensorFlow takes long to import.

    Yields the function of `verify` that starts a process for each.
    """
    from hub_export.verification import verify
    from hub_export.verification.worker import main

    with (
        ProcessPoolExecutor(1, multiprocessing.get_context("spawn")) as executor,
        pytest.MonkeyPatch.context() as patch,
    ):

        def run(*paths: Path) -> str:
            try:
                executor.submit(main, *(str(path.resolve()) for path in paths)).result()
            except Exception as error:
                return traceback.format_exception_only(error)[-1].strip().splitlines()[-1]
            return ""

        original = verify._start_worker
        patch.setattr(verify, "_start_worker", run)
        yield original


@pytest.fixture
def new_process(_start_worker: Callable, monkeypatch: pytest.MonkeyPatch) -> None:
    """Let `verify` start a process for each export, as it does for users."""
    monkeypatch.setattr("hub_export.verification.verify._start_worker", _start_worker)
