"""All of TensorFlow's operators, those that compute and the others."""

import re

import pytest
from tensorflow.core.framework import op_def_pb2
from tensorflow.python.client import pywrap_tf_session

from hub_export.operators import is_harmless


def registered() -> list:
    content = pywrap_tf_session.TF_GetBuffer(pywrap_tf_session.TF_GetAllOpList())
    return list(op_def_pb2.OpList.FromString(content).op)


def test_tensorflow_s_own_list_is_refused() -> None:
    from tensorflow.python.tools import saved_model_cli

    assert len(saved_model_cli._OP_DENYLIST) > 2
    assert not any(map(is_harmless, saved_model_cli._OP_DENYLIST))


@pytest.mark.parametrize(
    "names",
    [
        ("FixedUnigramCandidateSampler", "ImmutableConst", "LoadAndRemapMatrix", "Skipgram"),
        ("ReaderReadV2", "SnapshotDatasetV2", "WholeFileReader"),
        ("CollectiveReduceV2", "DataServiceDatasetV4", "RemoteCall", "RpcCall", "_Send"),
        ("Abort", "TPUPartitionedCall", "XlaCallModule", "XlaCustomCallV2"),
    ],
    ids=["files", "data", "machines", "code"],
)
def test_other_ways_out_are_refused(names: tuple[str, ...]) -> None:
    assert {*names} <= {operator.name for operator in registered()}
    assert [name for name in names if is_harmless(name)] == []


def test_no_operator_that_takes_a_file_or_an_address_is_harmless() -> None:
    """Whatever the next TensorFlow adds: a name that says so is enough to be looked at."""
    said = re.compile(
        "file|path|address|host|port|url|directory|descriptor|prefix|token|module|program|server"
    )
    computing = {
        "CTCBeamSearchDecoder": {"top_paths"},
        "ShardedFilename": {"filename"},  # They only join texts.
        "ShardedFilespec": {"filename"},
    }
    found = {
        operator.name: names
        for operator in registered()
        if is_harmless(operator.name)
        and (
            names := {
                part.name
                for part in (*operator.input_arg, *operator.attr, *operator.output_arg)
                if said.search(part.name) and part.name not in ("host_reserved", "sorted_token_ids")
            }
        )
    }
    assert found == computing
