"""Every runtime computes the network, and the fastest comes first."""

from concurrent.futures.process import BrokenProcessPool

import pytest

from hub_export import compare_runtimes
from hub_export.benchmark import measure
from hub_export.benchmark.runtimes import RUNTIMES, Runtime, find_runtimes
from tests.helpers.export_models import conv_mixer, perturbed


@pytest.mark.slow
def test_all_runtimes_compute_the_network():
    found = compare_runtimes(perturbed("ConvMixer"), batch=3, rounds=2, threads=1)
    assert found.failures == {}
    names = {each.runtime for each in found.measurements}
    assert names | set(found.missing) == {each.name for each in RUNTIMES}
    assert all(min(each.milliseconds) > 0 for each in found.measurements)
    medians = [each.median for each in found.measurements]
    assert medians == sorted(medians)


def test_the_fastest_comes_first(monkeypatch):
    times = {"litert": [3.0, 5.0, 4.0], "litert-dynamic": [2.0, 2.0, 9.0]}
    monkeypatch.setattr(measure, "time_in_turns", lambda turns, *_: {n: times[n] for _, n in turns})
    found = compare_runtimes(conv_mixer(), tuple(times), batch=2, rounds=3, threads=1)
    assert [each.runtime for each in found.measurements] == ["litert-dynamic", "litert"]
    # Milliseconds for one of two images.
    assert found.measurements[0].milliseconds == [1000.0, 1000.0, 4500.0]
    assert [each.median for each in found.measurements] == [1000.0, 2000.0]
    assert found.failures == found.missing == {}


def test_what_a_runtime_lacks_or_computes_otherwise_is_said(monkeypatch):
    table = (
        Runtime("absent", "onnx", "no_such_package", "onnx"),
        Runtime("broken", "tflite", "ai_edge_litert", "export", quantize="float17"),
        Runtime("litert", "tflite", "ai_edge_litert", "export"),
    )
    monkeypatch.setattr(measure, "find_runtimes", lambda names: table)
    monkeypatch.setattr(measure, "_tolerances", lambda runtime: measure.Tolerances(-1.0))
    found = compare_runtimes(conv_mixer(), rounds=1, threads=1)
    assert found.missing == {"absent": "onnx"}
    assert "float17" in found.failures["broken"]
    assert "differs by" in found.failures["litert"]
    assert found.measurements == []


def test_a_process_that_ends_is_told_in_one_line(monkeypatch):
    def broken(*_):
        raise BrokenProcessPool

    monkeypatch.setattr(measure, "time_in_turns", broken)
    with pytest.raises(ChildProcessError, match=r"ended while it was timed, .* fewer runtimes"):
        compare_runtimes(conv_mixer(), ("litert",), threads=1)


def test_unknown_runtimes_are_refused():
    with pytest.raises(ValueError, match="no runtime 'litert9'; there are keras, keras-predict"):
        find_runtimes(("litert9",))
