"""Fills in the page: its texts, its Content-Security-Policy, and what its scripts read."""

import json
from html import escape
from importlib.resources import files
from pathlib import Path
from string import Template
from typing import TYPE_CHECKING

from markdown_it import MarkdownIt

from hub_export.web.runtime import CDN, FROM_CDN, Runtime, digest
from keras_mixers.run_files import LABELS_FILE

if TYPE_CHECKING:
    from hub_export.model_facts import ModelFacts
    from hub_export.verification.tflite_file import Quantize

# Other kinds of folders have none of that name, so that a page never takes the place of one.
CONFIG_FILE = "page.json"
MODEL_FILE = "model.tflite"
_INDEX, _CARD = "index.html", "card.html"
_TEMPLATES = (_INDEX, _CARD)


def write_page(
    out: Path, facts: "ModelFacts", quantize: "Quantize", card: str, runtime: Runtime
) -> None:
    """Write a page beside the model, and the class names if there are any, that it shows.

    Args:
        out: The page's folder, with `model.tflite` and perhaps `labels.txt`.
        facts: What is known about the model; its input has one size.
        quantize: Types of the numbers in `model.tflite`.
        card: The model card, in Markdown.
        runtime: Where the page finds LiteRT.js.
    """
    site = files("hub_export.web") / "site"
    for file in site.iterdir():
        if file.name not in _TEMPLATES:
            (out / file.name).write_bytes(file.read_bytes())
    import_map = json.dumps(runtime.import_map())
    family = f" ({facts.family})" if facts.family else ""
    texts = {
        "name": escape(facts.name),
        "summary": f"A network{family} that knows {facts.classes:,} classes.",
        "import_map": import_map,
        "policy": escape(_policy(import_map, runtime)),
        "connections": _connections(runtime),
        # Raw HTML in names and texts of the model's is shown as it is, not obeyed.
        "card": MarkdownIt("commonmark", {"html": False}).enable("table").render(card),
    }
    for name in _TEMPLATES:
        page = Template((site / name).read_text(encoding="utf-8")).substitute(texts)
        (out / name).write_text(page, encoding="utf-8")
    config = json.dumps(_config(out, facts, quantize, runtime), indent=1)
    (out / CONFIG_FILE).write_text(config + "\n", encoding="utf-8")


def _config(
    out: Path, facts: "ModelFacts", quantize: "Quantize", runtime: Runtime
) -> dict[str, object]:
    """Return what the page's scripts read."""
    height, width, channels = facts.input_shape
    return {
        "model": {
            "file": MODEL_FILE,
            "integrity": digest((out / MODEL_FILE).read_bytes()),
            # With threads, LiteRT.js 2.5.3 gets the integer products of attention wrong.
            "threads": quantize != "int8",
        },
        "labels": LABELS_FILE if (out / LABELS_FILE).is_file() else None,
        "input": {
            "height": height,
            "width": width,
            "channels": channels,
            "crop": facts.crop or 1.0,
            "interpolation": facts.interpolation or "bicubic",
        },
        "runtime": runtime.binaries(),
    }


def _policy(import_map: str, runtime: Runtime) -> str:
    """Return a policy with which the browser lets the page reach nothing but what it needs."""
    elsewhere = f" {CDN}" if runtime is FROM_CDN else ""
    rules = {
        "default-src": "'none'",
        "base-uri": "'none'",
        "form-action": "'none'",
        "script-src": f"'self' blob: 'wasm-unsafe-eval' '{digest(import_map.encode())}'{elsewhere}",
        "worker-src": "blob:",
        "connect-src": f"'self'{elsewhere}",
        "img-src": "blob: data:",
        "style-src": "'self'",
    }
    return "; ".join(f"{name} {value}" for name, value in rules.items())


def _connections(runtime: Runtime) -> str:
    if runtime is FROM_CDN:
        return f"its own server and {CDN}, from where it loads LiteRT.js"
    return "its own server"
