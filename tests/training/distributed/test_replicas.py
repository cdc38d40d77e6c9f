"""Two replicas, on two CPUs or in two processes, give what one device gives."""

import json

import pytest

from tests.helpers.children import Child, end_all, start_workers
from tests.helpers.replicas import report

pytestmark = pytest.mark.distributed


# pytest-xdist keeps a group in one process: what was found is found once.
STRATEGIES = [
    pytest.param(name, marks=pytest.mark.xdist_group(name)) for name in ("mirrored", "multiworker")
]


@pytest.fixture(scope="module", params=STRATEGIES)
def found(request):
    """Return what tests/helpers/replicas.py found in the first process, and print it."""
    if request.param == "mirrored":
        children = [Child(report, request.param, cpus=2)]
    else:
        children = start_workers(report, request.param)
    printed = []
    for code, out, err in end_all(children):
        assert code == 0, err
        printed.append(json.loads(out.splitlines()[-1]))
    first = printed[0]
    for name, value in first.items():
        print(f"{name}: {value}")
    # All workers have the same weights, and the same of all else that they found.
    for other in printed[1:]:
        assert {name: first[name] for name in other if "steps" not in name} == {
            name: value for name, value in other.items() if "steps" not in name
        }
    return first


def test_weights_and_what_is_measured_are_those_of_one_device(found):
    differences = {name: value for name, value in found.items() if isinstance(value, dict)}
    assert len(differences) >= 3 * 3 + 1 + 2 + 3
    for name, value in differences.items():
        assert value["difference"] <= value["bound"], name
    assert found["layers left synchronised"] == 0


def test_a_step_that_overflows_anywhere_is_skipped_everywhere(found):
    for name in ("float16, NaN on the second", "scaled loss, NaN on the second"):
        assert found[f"{name}, steps"] == [4, 4]
        assert found[f"{name}, between replicas"] == 0
    assert found["float16, steps"] == [6, 6]


def test_replicas_draw_their_own_noise(found):
    """Of 64 units half are equal, give or take five deviations of a sixteenth."""
    assert found["equal without seeds of their own"] == 1
    assert 0.19 < found["equal on both"] < 0.81
    assert 0.19 < found["equal in both steps"] < 0.81
