"""The runtimes that can compute a network, as a table."""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from hub_export.verification.tflite_file import Quantize

Form = Literal["keras", "tflite", "onnx", "openvino"]
Call = Literal["eager", "predict", "graph", "bfloat16", "xla"]


@dataclass(frozen=True)
class Runtime:
    """One way to compute a network.

    Attributes:
        name: Its name, such as "litert-int8".
        form: What it loads.
        package: The package that computes.
        extra: The extra of keras-mixers that installs the package.
        call: How a Keras model is called.
        quantize: The numbers of a TFLite file.
    """

    name: str
    form: Form
    package: str = "tensorflow"
    extra: str = ""
    call: Call = "eager"
    quantize: "Quantize" = "none"


_LITERT = ("ai_edge_litert", "export")

RUNTIMES = (
    Runtime("keras", "keras"),
    Runtime("keras-predict", "keras", call="predict"),
    Runtime("keras-graph", "keras", call="graph"),
    Runtime("keras-bfloat16", "keras", call="bfloat16"),
    Runtime("keras-xla", "keras", call="xla"),
    Runtime("litert", "tflite", *_LITERT),
    Runtime("litert-dynamic", "tflite", *_LITERT, quantize="dynamic"),
    Runtime("litert-int8", "tflite", *_LITERT, quantize="int8"),
    Runtime("onnxruntime", "onnx", "onnxruntime", "onnx"),
    Runtime("openvino", "openvino", "openvino", "openvino"),
)


def find_runtimes(names: tuple[str, ...] = ()) -> list[Runtime]:
    """Return the runtimes with these names, or all of them if there are no names.

    Raises:
        ValueError: If there is no such runtime.

    >>> [runtime.form for runtime in find_runtimes(("litert", "onnxruntime"))]
    ['tflite', 'onnx']
    """
    by_name = {runtime.name: runtime for runtime in RUNTIMES}
    unknown = [name for name in names if name not in by_name]
    if unknown:
        raise ValueError(f"There is no runtime {unknown[0]!r}; there are {', '.join(by_name)}.")
    return [by_name[name] for name in names or by_name]
