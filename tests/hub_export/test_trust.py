"""Programs that reach for files or Python are refused, before anything of them runs."""

import re
from collections.abc import Callable
from functools import partial
from pathlib import Path

import keras
import numpy as np
import pytest
import tensorflow as tf
from keras.src.saving.serialization_lib import SafeModeScope
from tensorflow.core.framework import op_def_pb2
from tensorflow.core.protobuf.saved_model_pb2 import SavedModel
from tensorflow.python.client import pywrap_tf_session

from hub_export.archive import write_archive
from hub_export.operators import is_harmless
from hub_export.saved_model.hub_layer import HubLayer
from hub_export.trust import UntrustedModelError, admit_saved_model, reaching_operators
from hub_export.verification.verify import verify
from keras_mixers import ConvMixer
from tests.helpers.hostile_programs import CLASSES, SHAPE, write_file_writer, write_program
from training.evaluation.load_model import load_model

IMAGES = np.zeros((2, *SHAPE), "uint8")
RAW = tf.raw_ops


def in_a_loop(path: str) -> object:
    def body(i: tf.Tensor) -> tuple[tf.Tensor]:
        with tf.control_dependencies([tf.io.write_file(path, "owned")]):
            return (i + 1,)

    return tf.while_loop(lambda i: i < 1, body, [tf.constant(0)])[0]


def as_checkpoint(path: str) -> object:
    return RAW.SaveV2(prefix=path, tensor_names=["a"], shape_and_slices=[""], tensors=[1.0])


def first_of(make: Callable[[str], tf.data.Dataset], path: str) -> object:
    return make(path).reduce(np.int64(0), lambda count, _: count + 1)


# What reaches for a file at a path, by the operator that does.
REACHES: dict[str, Callable[[str], object]] = {
    "WriteFile": lambda path: tf.io.write_file(path, "owned"),
    "WriteFile in a loop": in_a_loop,
    "ReadFile": tf.io.read_file,
    "MatchingFiles": tf.io.matching_files,
    "SaveV2": as_checkpoint,
    "RestoreV2": lambda path: RAW.RestoreV2(
        prefix=path, tensor_names=["a"], shape_and_slices=[""], dtypes=[tf.float32]
    )[0],
    "MergeV2Checkpoints": lambda path: RAW.MergeV2Checkpoints(
        checkpoint_prefixes=[path], destination_prefix=path
    ),
    "PrintV2": lambda path: tf.print("owned", output_stream=f"file://{path}"),
    "EagerPyFunc": lambda path: tf.py_function(Path(path).touch, [], []),
    "PyFunc": lambda path: tf.numpy_function(Path(path).touch, [], []),
    "TextLineDataset": partial(first_of, tf.data.TextLineDataset),
    "CacheDatasetV2": partial(first_of, lambda path: tf.data.Dataset.range(3).cache(path)),
    "DebugIdentityV3": lambda path: RAW.DebugIdentityV3(input=1.0, debug_urls=[f"file://{path}"]),
    "DecodeProtoV2": lambda path: tf.io.decode_proto(
        tf.constant([""]), "a.B", ["c"], [tf.int32], f"{path}"
    )[0],
}


def refuse(path: Path, names: str) -> None:
    with pytest.raises(UntrustedModelError, match=rf"^a\.b has .*: .*'{names}'.*; if you trust"):
        admit_saved_model(path, "a.b", trust=False)


@pytest.mark.parametrize("kind", REACHES)
def test_what_reaches_for_files_is_refused(kind: str, tmp_path: Path) -> None:
    target = tmp_path / "target"
    write_program(tmp_path / "a", partial(REACHES[kind], str(target)))
    refuse(tmp_path / "a", kind.partition(" ")[0])
    assert not target.exists()


def test_a_table_from_a_file_is_refused(tmp_path: Path) -> None:
    (tmp_path / "words.txt").write_text("a\nb\n")
    rows = tf.lookup.TextFileInitializer(
        str(tmp_path / "words.txt"),
        tf.string,
        tf.lookup.TextFileIndex.WHOLE_LINE,
        tf.int64,
        tf.lookup.TextFileIndex.LINE_NUMBER,
    )
    write_program(tmp_path / "a", tracked=[tf.lookup.StaticHashTable(rows, -1)])
    refuse(tmp_path / "a", "InitializeTableFromTextFileV2")


@pytest.fixture(scope="module")
def harmless(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("programs") / "harmless"
    write_program(folder)
    return folder


def edited(folder: Path, target: Path, edit: Callable[[SavedModel], None]) -> Path:
    """Write a SavedModel's program again, edited, and return the new folder."""
    program = SavedModel.FromString((folder / "saved_model.pb").read_bytes())
    edit(program)
    target.mkdir()
    (target / "saved_model.pb").write_bytes(program.SerializeToString())
    return target


def of_saver(program: SavedModel) -> str:
    """Return the name of the function that saves the variables."""
    (graph,) = program.meta_graphs
    names = [function.signature.name for function in graph.graph_def.library.function]
    (name,) = [name for name in names if "traced_save" in name]
    return name


def first_call(program: SavedModel) -> object:
    """Return the first node of a function that calls another one."""
    functions = program.meta_graphs[0].graph_def.library.function
    return next(n for f in functions for n in f.node_def if n.op.endswith("PartitionedCall"))


def as_method(program: SavedModel) -> None:
    nodes = program.meta_graphs[0].object_graph_def.nodes
    next(n for n in nodes if n.HasField("function")).function.concrete_functions.append(
        of_saver(program)
    )


def as_called(program: SavedModel) -> None:
    first_call(program).attr["f"].func.name = of_saver(program)


def as_listed(program: SavedModel) -> None:
    first_call(program).attr["others"].list.func.add().name = of_saver(program)


def as_gradient(program: SavedModel) -> None:
    gradients = program.meta_graphs[0].graph_def.library.registered_gradients
    gradients.add(registered_op_type="Custom", gradient_func=of_saver(program))


def as_stand_in(program: SavedModel) -> None:
    for function in program.meta_graphs[0].graph_def.library.function:
        function.attr["api_implements"].s = b"the same"


def as_tensorflow_1(program: SavedModel) -> None:
    program.meta_graphs[0].ClearField("object_graph_def")


def as_one_of_two(program: SavedModel) -> None:
    program.meta_graphs.add()


@pytest.mark.parametrize(
    "edit",
    [as_method, as_called, as_listed, as_gradient, as_stand_in, as_tensorflow_1, as_one_of_two],
)
def test_what_saves_the_variables_may_do_nothing_else(
    harmless: Path, edit: Callable[[SavedModel], None], tmp_path: Path
) -> None:
    assert reaching_operators(edited(harmless, tmp_path / "a", lambda program: None)) == []
    refuse(edited(harmless, tmp_path / "b", edit), "SaveV2")


def test_only_the_saver_s_operators_are_let_into_it(harmless: Path, tmp_path: Path) -> None:
    def write(program: SavedModel) -> None:
        for function in program.meta_graphs[0].graph_def.library.function:
            if function.signature.name == of_saver(program):
                function.node_def.add(name="more", op="WriteFile")

    refuse(edited(harmless, tmp_path / "a", write), "WriteFile")


def test_operators_that_are_not_known_are_named(harmless: Path, tmp_path: Path) -> None:
    def add(program: SavedModel) -> None:
        for i in range(7):
            program.meta_graphs[0].graph_def.node.add(name=f"n{i}", op=f"Own{i}\x1b[2J" + "x" * 999)

    path = edited(harmless, tmp_path / "a", add)
    with pytest.raises(UntrustedModelError, match=r"'Own0\\x1b\[2J.* and 2 more; if") as error:
        admit_saved_model(path, "a", trust=False)
    assert len(str(error.value)) < 600


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("saved_model.pb", b"\xff\xff"),
        ("saved_model.pb", b""),
        ("saved_model.pbtxt", b"meta_graphs {"),
        ("saved_model.pbtxt", b"\xff"),
        (
            "saved_model.pbtxt",
            b"meta_graphs{graph_def{node{attr{key:'a' value{func{%s}}}}}}"
            % (b"attr{key:'a' value{func{" * 5000 + b"}}}" * 5000),
        ),
    ],
    ids=["bytes", "nothing", "half", "no text", "deep"],
)
def test_damaged_programs_are_told_in_one_line(tmp_path: Path, name: str, content: bytes) -> None:
    (tmp_path / name).write_bytes(content)
    if not content:  # A program without a graph, which has nothing to refuse.
        assert reaching_operators(tmp_path) == []
        return
    with pytest.raises(ValueError, match=r"^a can't be loaded as a SavedModel \(.+\)\.$"):
        admit_saved_model(tmp_path, "a", trust=False)


@pytest.fixture(scope="module")
def written(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """A SavedModel that writes a file, with an archive of it, and the file."""
    folder = tmp_path_factory.mktemp("writer")
    write_file_writer(folder / "a", folder / "target")
    write_archive(folder / "a", folder / "a.tar.gz")
    return folder / "a", folder / "target"


def by_load_model(path: Path, trust: bool) -> None:
    load_model(path, trust=trust).scores(IMAGES)


def by_verify(path: Path, trust: bool) -> None:
    verify(path, ConvMixer(4, 1, 4, 3, input_shape=SHAPE, classes=CLASSES), IMAGES, trust=trust)


def by_layer(path: Path, trust: bool) -> None:
    HubLayer(path, trust=trust)(IMAGES.astype("float32"))


@pytest.mark.parametrize(
    ("load", "end"),
    [
        (by_load_model, ""),
        (by_load_model, ".tar.gz"),
        (by_verify, ""),
        (by_verify, ".tar.gz"),
        (by_layer, ""),
    ],
)
def test_every_way_in_asks_for_trust(
    written: tuple[Path, Path], load: Callable[[Path, bool], None], end: str
) -> None:
    folder, target = written
    path = folder.with_name(f"a{end}")
    target.unlink(missing_ok=True)
    said = rf"^'?{re.escape(str(path))}'? has .* compute: 'WriteFile'; if you .* pass --trust,"
    with pytest.raises(UntrustedModelError, match=said):
        load(path, False)
    assert not target.exists()
    load(path, True)
    assert target.read_text() == "owned"


def test_a_layer_s_file_keeps_whether_it_is_trusted(
    written: tuple[Path, Path], tmp_path: Path
) -> None:
    layer = HubLayer(written[0], trust=True)
    keras.Sequential([keras.Input(SHAPE), layer]).save(tmp_path / "a.keras")
    keras.saving.load_model(tmp_path / "a.keras", safe_mode=False)
    with SafeModeScope(False), pytest.raises(UntrustedModelError, match="'WriteFile'"):
        HubLayer.from_config({**layer.get_config(), "trust": False})


def test_exports_only_compute(exported) -> None:
    assert reaching_operators(exported.path) == []


@pytest.mark.parametrize("kind", ["features", "any size"])
def test_other_exports_only_compute(exports, kind: str) -> None:
    assert reaching_operators(exports[kind].path) == []


def test_what_keras_exports_only_computes(exports, tmp_path: Path) -> None:
    export = exports["MLPMixer"]
    layers = [keras.Input(export.model.input_shape[1:]), HubLayer(export.path, "features")]
    model = keras.Sequential([*layers, keras.layers.Dense(3)])
    model.export(tmp_path / "composed", verbose=False)
    assert reaching_operators(tmp_path / "composed") == []


@pytest.mark.slow
def test_what_keras_2_saves_only_computes(exports, tmp_path: Path) -> None:
    import tensorflow_hub
    import tf_keras

    export = exports["MLPMixer"]
    model = tf_keras.Sequential(
        [
            tf_keras.Input(export.model.input_shape[1:]),
            tensorflow_hub.KerasLayer(str(export.path), trainable=True),
            tf_keras.layers.Reshape((5, 1)),
            tf_keras.layers.LSTM(2),
            tf_keras.layers.Dropout(0.5),
            tf_keras.layers.Dense(3),
        ]
    )
    model.compile("adam", "mse")
    tf.saved_model.save(model, str(tmp_path / "saved"))
    assert reaching_operators(tmp_path / "saved") == []


def test_tables_and_random_numbers_stay_in_memory(tmp_path: Path) -> None:
    rows = tf.lookup.KeyValueTensorInitializer(["a"], [1])
    tables = [
        tf.lookup.StaticHashTable(rows, -1),
        tf.lookup.experimental.MutableHashTable(tf.string, tf.int64, -1),
        tf.lookup.experimental.DenseHashTable(tf.int64, tf.int64, -1, -2, -3),
    ]
    generator = tf.random.Generator.from_seed(0)

    def reach() -> object:
        condition = tf.cond(generator.normal(()) > 0, lambda: 1.0, lambda: tf.random.normal(()))
        return tf.debugging.assert_greater(condition, -1e9)

    write_program(tmp_path / "a", reach, [*tables, generator])
    assert reaching_operators(tmp_path / "a") == []


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
