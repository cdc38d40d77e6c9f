"""Judges a SavedModel before it is loaded: it is a program, and anybody may have written it."""

import logging
from pathlib import Path
from typing import Any

import tensorflow as tf

from hub_export.operators import SAVER_OPERATORS, is_harmless

_LOG = logging.getLogger("hub_export")
_MOST_NAMES, _LONGEST_NAME = 5, 60  # In an error.


class UntrustedModelError(ValueError):
    """A SavedModel's program may do more than compute, and nobody said that it is trusted."""


def admit_saved_model(folder: str | Path, named: str | Path, trust: bool) -> None:
    """Refuse a SavedModel whose program may do more than compute, unless it is trusted.

    Its operators are read from its file, and none of them runs. To load the SavedModel afterwards
    still runs TensorFlow's own code on what others wrote. That it is a program is logged, at the
    level `INFO` of the logger "hub_export".

    Args:
        folder: The folder of the SavedModel.
        named: What the error and the log call it.
        trust: Whether to admit it unseen.

    Raises:
        UntrustedModelError: If an operator may touch files, the network, Python or the process, or
            isn't TensorFlow's.
        ValueError: If its file can't be read.

    Example:

    >>> import tempfile
    >>> root = tf.train.Checkpoint()
    >>> root.__call__ = tf.function(tf.io.read_file, [tf.TensorSpec((), tf.string)])
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     tf.saved_model.save(root, folder)
    ...     admit_saved_model(folder, "mine", trust=True)
    ...     admit_saved_model(folder, "theirs", trust=False)
    Traceback (most recent call last):
    hub_export.trust.UntrustedModelError: theirs has operators that may do more than compute: \
'ReadFile'; if you trust whoever wrote it, pass --trust, or trust=True in Python.
    """
    try:
        found = [] if trust else reaching_operators(folder)
    except (OSError, ValueError, RecursionError) as error:
        reason = " ".join(str(error).split())
        raise ValueError(f"{named} can't be loaded as a SavedModel ({reason}).") from None
    if found:
        names = ", ".join(repr(name[:_LONGEST_NAME]) for name in found[:_MOST_NAMES])
        more = f" and {len(found) - _MOST_NAMES} more" * (len(found) > _MOST_NAMES)
        raise UntrustedModelError(
            f"{named} has operators that may do more than compute: {names}{more}; if you trust "
            "whoever wrote it, pass --trust, or trust=True in Python."
        )
    seen = "is trusted unseen" if trust else "has only operators that compute"
    _LOG.info("%s is a SavedModel, which is a program; it %s.", named, seen)


def reaching_operators(folder: str | Path) -> list[str]:
    """Return the sorted names of a SavedModel's operators that may do more than compute.

    Raises:
        OSError: If the file can't be parsed.
    """
    graphs = tf.__internal__.saved_model.parse_saved_model(str(folder)).meta_graphs
    # TensorFlow runs the saver only of a file with several graphs, or of TensorFlow 1.
    is_current = len(graphs) == 1 and graphs[0].HasField("object_graph_def")
    used: set[str] = set()
    for graph in graphs:
        savers = _saver_functions(graph) if is_current else frozenset()
        used.update(node.op for node in graph.graph_def.node)
        for function in graph.graph_def.library.function:
            operators = {node.op for node in function.node_def}
            used |= operators - SAVER_OPERATORS if function.signature.name in savers else operators
    return sorted(name for name in used if not is_harmless(name))


def _saver_functions(graph: Any) -> frozenset[str]:
    """Return the functions of a graph that only TensorFlow 1's saver calls, so that none is run.

    Such a function has its name in two places, where it is defined and where the saver calls it,
    and it doesn't stand in for another one.
    """
    saver = graph.saver_def
    calls = (saver.save_tensor_name.partition(":")[0], saver.restore_op_name)
    called = {
        node.attr["f"].func.name
        for node in graph.graph_def.node
        if node.name in calls and "f" in node.attr
    }
    stand_ins = {
        function.signature.name
        for function in graph.graph_def.library.function
        if "api_implements" in function.attr
    }
    content = graph.SerializeToString()
    return frozenset(
        name for name in called - stand_ins if content.count(_serialized(name.encode())) == 2
    )


def _serialized(name: bytes) -> bytes:
    """Return a short name as it stands in a protobuf: after its length."""
    return bytes([min(len(name), 127)]) + name
