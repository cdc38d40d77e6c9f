"""Writes the model card of a repository on the Hugging Face Hub."""

import re
from typing import Any

from hub_export.model_facts import ModelFacts
from hub_export.publish.model_card import (
    accuracy,
    architecture,
    limits,
    preprocessing,
    printable_facts,
)
from hub_export.publish.timm_network import TimmNetwork
from keras_mixers.weights.layouts.layout import Origin

# Data sets by their names there; others are named in the text alone.
_DATASETS = {
    "ImageNet-1k": "ILSVRC/imagenet-1k",
    "tfds:imagenet2012": "ILSVRC/imagenet-1k",
    "CIFAR-10": "uoft-cs/cifar10",
    "tfds:cifar10": "uoft-cs/cifar10",
    "tfds:cifar100": "uoft-cs/cifar100",
    "tfds:mnist": "ylecun/mnist",
    "tfds:fashion_mnist": "zalando-datasets/fashion_mnist",
}
# Licences that have a name there: SPDX identifiers in lower case, but for a few.
_LICENCES = frozenset(
    {
        *("afl-3.0", "agpl-3.0", "apache-2.0", "artistic-2.0", "bsd-2-clause", "bsd-3-clause"),
        *("bsd-3-clause-clear", "bsl-1.0", "cc-by-2.0", "cc-by-3.0", "cc-by-4.0", "cc-by-nc-2.0"),
        *("cc-by-nc-3.0", "cc-by-nc-4.0", "cc-by-nc-nd-4.0", "cc-by-nc-sa-4.0", "cc-by-nd-4.0"),
        *("cc-by-sa-3.0", "cc-by-sa-4.0", "cc0-1.0", "epl-2.0", "eupl-1.2", "gpl-2.0", "gpl-3.0"),
        *("isc", "lgpl-2.1", "lgpl-3.0", "mit", "mpl-2.0", "ms-pl", "ncsa", "ofl-1.1", "unlicense"),
        *("wtfpl", "zlib"),
    }
)


def hugging_face_card(
    facts: ModelFacts, repository: str, origin: Origin | None, network: TimmNetwork | None
) -> str:
    """Return the card, in Markdown, with the header that the hub reads.

    Args:
        facts: What is known about the model.
        repository: The repository, "user/name".
        origin: Whose names the weights have; None if there are none.
        network: The network in timm, if timm has it.

    Reference: https://github.com/huggingface/hub-docs/blob/main/modelcard.md.
    """
    facts = printable_facts(facts)
    sections = {
        "How to load": _loading(repository, facts),
        "timm": _timm(repository, network) if origin == "timm" and network is not None else None,
        "Architecture": architecture(facts),
        "Input": _input(facts),
        "Preprocessing": preprocessing(facts),
        "Accuracy": accuracy(facts),
        "Licence": f"Licence of the weights: {facts.licence or 'not stated'}.",
        "Limits": limits(facts),
        "Files": _files(facts, origin),
    }
    parts = [f"# {facts.name}", _summary(facts)]
    parts += [f"## {title}\n\n{text}" for title, text in sections.items() if text is not None]
    return f"---\n{_header(facts, origin)}\n---\n\n" + "\n\n".join(parts) + "\n"


def hugging_face_licence(licence: str | None) -> dict[str, str]:
    """Return the fields for a licence.

    >>> hugging_face_licence("Apache-2.0"), hugging_face_licence("GPL-3.0-only")
    ({'license': 'apache-2.0'}, {'license': 'gpl-3.0'})
    >>> hugging_face_licence("Own-1.0"), hugging_face_licence(None)
    ({'license': 'other', 'license_name': 'own-1.0'}, {})
    """
    if licence is None:
        return {}
    name = re.sub(r"-(only|or-later)$", "", licence.lower())
    if name in _LICENCES:
        return {"license": name}
    return {"license": "other", "license_name": re.sub(r"[^a-z0-9.-]+", "-", name).strip("-")}


def _header(facts: ModelFacts, origin: Origin | None) -> str:
    """Return the fields that the hub reads, in YAML."""
    from huggingface_hub import ModelCardData

    dataset = _DATASETS.get(facts.dataset or "")
    fields: dict[str, Any] = {
        "library_name": "keras",
        "pipeline_tag": _task(facts),
        "tags": ["keras-mixers", *(["timm"] if origin == "timm" else [])],
        **hugging_face_licence(facts.licence),
    }
    if dataset is not None:
        fields["datasets"] = [dataset]
    if facts.accuracy is not None:
        fields |= {"metrics": ["accuracy"], "model_name": facts.name}
        fields["eval_results"] = [_result(facts, facts.accuracy, dataset)]
    return str(ModelCardData(**fields).to_yaml(line_break="\n"))


def _task(facts: ModelFacts) -> str:
    return "image-feature-extraction" if facts.classes is None else "image-classification"


def _result(facts: ModelFacts, share: float, dataset: str | None) -> Any:
    """Return a measured accuracy as the hub's table of results holds it."""
    from huggingface_hub import EvalResult

    name = facts.dataset or "not stated"
    source = facts.accuracy_source or ""
    is_address = source.startswith("https://")
    return EvalResult(
        task_type=_task(facts),
        dataset_type=dataset or (re.sub(r"[^\w.-]+", "-", name).strip("-") or "unknown"),
        dataset_name=name,
        metric_type="accuracy",
        metric_name="Top-1 accuracy",
        metric_value=round(share, 6),
        source_name=source if is_address else None,
        source_url=source if is_address else None,
    )


def _summary(facts: ModelFacts) -> str:
    kind = facts.family or "A network"
    what = "computes features of images"
    if facts.classes is not None:
        what = f"assigns images to {facts.classes:,} classes"
    return f"{kind} that {what}, for Keras 3, written by keras-mixers."


def _loading(repository: str, facts: ModelFacts) -> str:
    height, width, channels = facts.input_shape
    size = f", size={height or width or 224}" if None in (height, width) else ""
    text = (
        "```sh\npip install 'keras-mixers[hubs]'\n"
        + (f"keras-mixers predict hf://{repository} photo.jpg\n" if facts.classes else "")
        + "```\n\n```python\nimport keras_mixers\n\n"
        f'model = keras_mixers.load("hf://{repository}")\n'
    )
    if channels in (1, 3):
        text += (
            f'images = keras_mixers.evaluation_images(["photo.jpg"], model{size})\n'
            "outputs = model.predict(images)\n"
        )
    return (
        f"{text}```\n\n`hf://{repository}@REVISION` pins a commit or a tag. To fine-tune it on "
        "other classes: `keras_mixers.reset_head(model, classes)`."
    )


def _timm(repository: str, network: TimmNetwork | None) -> str | None:
    if network is None:
        return None
    text = "The weights have timm's names. timm wants images that are normalised as below.\n\n"
    if network.name is not None:
        return (
            f"{text}```python\nimport timm\n\n"
            f'model = timm.create_model("hf-hub:{repository}", pretrained=True).eval()\n```'
        )
    arguments = "".join(f"    {name}={value},\n" for name, value in network.arguments.items())
    return (
        f"{text}```python\nimport timm\nfrom huggingface_hub import hf_hub_download\n"
        "from safetensors.torch import load_file\n\n"
        f"model = {network.constructor}(\n{arguments}).eval()\n"
        f'weights = load_file(hf_hub_download("{repository}", "model.safetensors"))\n'
        "model.load_state_dict(weights)\n```"
    )


def _input(facts: ModelFacts) -> str:
    height, width, channels = facts.input_shape
    colours = "RGB" if channels == 3 else f"of {channels} channels"
    size = f"Height {height or 'any'} and width {width or 'any'}"
    return (
        f"Images (batch, height, width, {channels}), {colours}, pixels in [0, 255], any type. "
        f"{size}. The Keras model normalises them itself."
    )


def _files(facts: ModelFacts, origin: Origin | None) -> str:
    rows = ["- `model.keras`: the model, which Keras loads in safe mode, so that no code runs."]
    if origin is not None:
        whose = "timm's names" if origin == "timm" else "the names of the family's authors"
        rows.append(f"- `model.safetensors`: the weights in float32, under {whose}.")
    if facts.labels:
        rows.append("- `labels.txt`: the class names, one per line, from class 0 on.")
    return "\n".join(rows)
