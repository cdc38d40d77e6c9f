"""Two processes on this machine train together."""

import json
import socket

import pytest

from tests.helpers.local_replicas import free_ports
from training.distributed.cluster import Cluster, read_cluster, wait_for_workers
from training.errors import RecipeError
from training.recipes import find_recipe


def tf_config(addresses, index, job="worker"):
    return json.dumps({"cluster": {job: addresses}, "task": {"type": job, "index": index}})


def test_a_cluster_is_read(monkeypatch):
    addresses = ["a:1", "b:2", "c:3"]
    monkeypatch.setenv("TF_CONFIG", tf_config(addresses, 1))
    assert read_cluster() == Cluster(("a:1", "b:2", "c:3"), 1)
    content = {
        "cluster": {"worker": ["b:2"], "chief": ["a:1"], "ps": ["d:4"]},
        "task": {"type": "worker", "index": 0},
    }
    monkeypatch.setenv("TF_CONFIG", json.dumps(content))
    assert read_cluster() == Cluster(("a:1", "b:2"), 1)


@pytest.mark.parametrize(
    "text",
    [
        "{",
        "[]",
        "{}",
        tf_config(["a:1"], 1),
        tf_config(["a:1"], 0, job="ps"),
        tf_config(["a"], 0),
        tf_config([], 0),
        tf_config(["a:99999"], 0),
        "[" * 100_000,
        '{"cluster": {"worker": ["a:1"]}, "task": {"type": "worker", "index": 1e999}}',
    ],
    ids=range(10),
)
def test_what_is_no_cluster(text, monkeypatch):
    monkeypatch.setenv("TF_CONFIG", text)
    with pytest.raises(RecipeError, match=r"^TF_CONFIG is .*; expected {.*with the index of this"):
        read_cluster()


def test_no_cluster(monkeypatch):
    monkeypatch.delenv("TF_CONFIG", raising=False)
    with pytest.raises(
        RecipeError, match=r"^Strategy 'multiworker' needs the environment variable TF_"
    ):
        read_cluster()


def test_workers_that_do_not_come_are_named():
    mine, first, second = (f"127.0.0.1:{port}" for port in free_ports(3))
    with pytest.raises(RecipeError, match=f"^No answer from worker {first} after 1 s; st"):
        wait_for_workers(Cluster((mine, first), 0), 1)
    message = "No answer from worker 127.0.0.1:[0-9]+ and 1 more after"
    with pytest.raises(RecipeError, match=message):
        wait_for_workers(Cluster((mine, first, second), 0), 1)


def test_workers_that_come_are_met():
    (port,) = free_ports(1)
    with socket.create_server(("127.0.0.1", 0)) as other:
        address = f"127.0.0.1:{other.getsockname()[1]}"
        wait_for_workers(Cluster((f"127.0.0.1:{port}", address), 0), 60)


def test_a_port_that_is_taken():
    with socket.create_server(("", 0)) as other:
        port = other.getsockname()[1]
        with pytest.raises(RecipeError, match=f"^This worker's port {port} can't be opened"):
            wait_for_workers(Cluster((f"127.0.0.1:{port}", "127.0.0.1:9"), 0), 1)


def test_slices_are_shared_out():
    from training.distributed.strategy import check_mix_slices

    assert find_recipe("convmixer_digits").mix_slices == 1
    with pytest.raises(
        RecipeError, match=r"multiple of the 2 workers.*received 1\. With --mix-slices 2"
    ):
        check_mix_slices(1, Cluster(("a:1", "b:2"), 0))
