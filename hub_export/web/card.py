"""Writes the model card of a page."""

from hub_export.model_facts import ModelFacts
from hub_export.publish.model_card import (
    accuracy,
    architecture,
    limits,
    preprocessing,
    printable_facts,
)
from hub_export.verification.comparison import Verification
from hub_export.verification.tflite_file import Quantize
from hub_export.web.runtime import VERSION


def web_card(
    facts: ModelFacts, quantize: Quantize, megabytes: float, verification: Verification
) -> str:
    """Return the model card of a page, in Markdown.

    Args:
        facts: What is known about the model.
        quantize: Types of the numbers in the page's TFLite file.
        megabytes: Size of that file.
        verification: How it was compared with the model.
    """
    facts = printable_facts(facts)
    numbers = "float32" if quantize == "none" else quantize
    height, width, _ = facts.input_shape
    (check,) = verification.checks
    parts = [
        f"# {facts.name}",
        "## Architecture",
        architecture(facts),
        "## On this page",
        f"The network runs in your browser, by LiteRT.js {VERSION} (Apache-2.0). Its TFLite file "
        f"has {megabytes:.2f} MB and numbers of type {numbers}. Before this page was written, the "
        f"file was compared with the Keras model on {verification.images} images: probabilities "
        f"differ by {check.difference:.1e} of the largest, and {check.agreement:.0%} of the images "
        "get the same class.",
        "## Preprocessing",
        f"{preprocessing(facts)} The input is {height} x {width} pixels. This page resizes as "
        "Pillow 13 does, to the bit; a browser may decode a JPEG a little differently, and makes "
        "transparent pixels black.",
        "## Accuracy of the Keras model",
        accuracy(facts),
        "## Licence",
        f"Licence of the weights: {facts.licence or 'not stated'}.",
        "## Limits",
        limits(facts),
    ]
    return "\n\n".join(parts) + "\n"
