"""Programs that reach for files or Python are refused, before anything of them runs."""

from collections.abc import Callable
from functools import partial
from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf
from tensorflow.core.protobuf.saved_model_pb2 import SavedModel

from hub_export.trust import UntrustedModelError, admit_saved_model, reaching_operators
from tests.helpers.hostile_programs import write_program

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
        ("saved_model.pbtxt", b"meta_graphs {"),
        ("saved_model.pbtxt", b"\xff"),
        (
            "saved_model.pbtxt",
            b"meta_graphs{graph_def{node{attr{key:'a' value{func{%s}}}}}}"
            % (b"attr{key:'a' value{func{" * 5000 + b"}}}" * 5000),
        ),
    ],
    ids=["bytes", "half", "no text", "deep"],
)
def test_damaged_programs_are_told_in_one_line(tmp_path: Path, name: str, content: bytes) -> None:
    (tmp_path / name).write_bytes(content)
    with pytest.raises(ValueError, match=r"^a can't be loaded as a SavedModel \(.+\)\.$"):
        admit_saved_model(tmp_path, "a", trust=False)
