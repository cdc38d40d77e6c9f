"""Writes the model card: what is known about an exported model, and how to load it."""

from collections.abc import Mapping, Sequence
from dataclasses import replace

from hub_export.model_facts import ModelFacts
from hub_export.publish.card_examples import loading_examples
from hub_export.publish.kaggle import FRAMEWORK, kaggle_licence, slug
from keras_mixers.printable import printable


def model_card(
    facts: ModelFacts, handles: Sequence[str], archives: Mapping[str, str] | None = None
) -> str:
    """Return the model card of an export, in Markdown.

    Its examples run in the folder that holds the handles. The card says so where something isn't
    known.

    Args:
        facts: What is known about the model.
        handles: Folders of the SavedModels: "classification", "feature-vector", or both.
        archives: Sha256 of each archive, by file name such as "classification.tar.gz".

    >>> import keras_mixers
    >>> from hub_export.model_facts import collect_facts
    >>> model = keras_mixers.MLPMixer(8, 2, input_shape=(32, 32, 3), classes=5, name="mixer")
    >>> model_card(collect_facts(model), ["classification", "feature-vector"]).splitlines()[0]
    '# mixer'
    """
    archives = archives or {}
    named, facts = facts, printable_facts(facts)
    parts = [
        f"# {facts.name}",
        _summary(facts),
        "## Architecture",
        architecture(facts),
        "## Input",
        _input(facts),
        "## Outputs",
        _outputs(facts, handles),
        "## Preprocessing",
        preprocessing(facts),
        "## Accuracy",
        accuracy(facts),
        "## Licence",
        f"Licence of the weights: {facts.licence or 'not stated'}.",
        "## Limits",
        limits(facts),
        "## How to load",
        loading_examples(facts, handles, archives),
        "## Kaggle",
        _kaggle(named, handles),
        "## Security",
        _security(archives),
    ]
    return "\n\n".join(parts) + "\n"


def printable_facts(facts: ModelFacts) -> ModelFacts:
    """Return facts whose texts can neither steer a terminal nor end a line of the card."""
    texts = {name: printable(text) for name, text in vars(facts).items() if isinstance(text, str)}
    return replace(facts, **texts)  # type: ignore[arg-type]


def _summary(facts: ModelFacts) -> str:
    kind = facts.family or "A network"
    if facts.classes is None:
        return f"{kind} that computes features of images, as a TensorFlow SavedModel."
    return f"{kind} that assigns images to {facts.classes:,} classes, as TensorFlow SavedModels."


def architecture(facts: ModelFacts) -> str:
    """Return the table of what a model is made of, in Markdown."""
    names = {"keras_mixers": "keras-mixers", "keras": "Keras", "tensorflow": "TensorFlow"}
    versions = ", ".join(f"{names[name]} {version}" for name, version in facts.versions.items())
    rows = {
        "family": facts.family or "unknown",
        "blocks": str(facts.depth) if facts.family else "unknown",
        "trainable parameters": f"{facts.parameters:,}",
        "non-trainable parameters": f"{facts.fixed_parameters:,}",
        "features": _format_shape(facts.feature_shape),
        "trained on": facts.dataset or "not stated",
        "paper": facts.paper or "unknown",
        "written by": versions,
    }
    return "\n".join(["| | |", "|---|---|", *(f"| {name} | {row} |" for name, row in rows.items())])


def _input(facts: ModelFacts) -> str:
    height, width, channels = facts.input_shape
    colours = "RGB" if channels == 3 else f"of {channels} channels"
    if height is None and width is None:
        size = "Any height and width of at least one patch"
    else:
        size = f"Height {height or 'any'} and width {width or 'any'}; other sizes are refused"
    return (
        f"Images (batch, height, width, {channels}), **float32, {colours}, in [0, 1]**. {size}; "
        "any batch size. The network normalises images itself: do not subtract a mean or divide by "
        "a standard deviation. Other types (uint8, float64) are refused."
    )


def _outputs(facts: ModelFacts, handles: Sequence[str]) -> str:
    features = _format_shape((None, *facts.feature_shape))
    logits = _format_shape((None, facts.classes))
    rows = ["| handle | signature | output | shape | meaning |", "|---|---|---|---|---|"]
    for handle in handles:
        if handle == "classification":
            rows += [
                f"| `{handle}` | direct call | | {logits} | logits |",
                f"| | `.features`, direct call | | {features} | features |",
                f"| | `serving_default` | `logits` | {logits} | logits |",
                f"| | | `probabilities` | {logits} | logits after the model's activation |",
                f"| | `image_classification` | `default` | {logits} | logits |",
                f"| | `feature_vector` | `default` | {features} | features |",
            ]
        else:
            rows += [
                f"| `{handle}` | direct call | | {features} | features |",
                f"| | `serving_default`, `feature_vector` | `default` | {features} | features |",
            ]
    text = "All values are float32. Each signature takes `images` and only runs inference."
    if "classification" in handles:
        text += (
            " A direct call of the classifier returns **logits, not probabilities**: train it with "
            "a loss that has `from_logits=True`."
        )
        if facts.labels:
            text += " `assets/labels.txt` holds the class names, one per line, from class 0 on."
    metadata = "`assets/metadata.json` holds the facts of this card as data."
    return "\n\n".join([text, "\n".join(rows), metadata])


def preprocessing(facts: ModelFacts) -> str:
    """Return how images are normalised, resized and cropped, in Markdown."""
    if facts.mean is None or facts.std is None:
        inside = "How the network's layer `preprocessing` normalises pixels is not known."
    else:
        mean, std = (", ".join(f"{x:g}" for x in values) for values in (facts.mean, facts.std))
        inside = f"Inside the network: (pixels - mean) / std, with mean {mean} and std {std}."
    if facts.crop is None:
        return f"{inside} How images should be resized and cropped is not known."
    cropped = "the centre is cropped" if facts.crop < 1 else "whatever exceeds the input is cropped"
    return (
        f"{inside} For evaluation, the shorter side is resized to the input's side divided by "
        f"{facts.crop:g} ({facts.interpolation}, antialiased), and {cropped}."
    )


def accuracy(facts: ModelFacts) -> str:
    """Return the accuracy and its source, in Markdown."""
    if facts.accuracy is None:
        return "Not measured."
    return f"Top-1 accuracy: {100 * facts.accuracy:.2f} %; source: {facts.accuracy_source}"


def limits(facts: ModelFacts) -> str:
    """Return what the model is not suited for, and what is not known, in Markdown."""
    lines = []
    if facts.classes is not None and not facts.labels:
        lines.append("The class names are not included.")
    if facts.dataset is None:
        lines.append(
            "The training data are not stated, so it is unclear what the model is suitable for."
        )
    lines.append("Robustness, fairness and speed were not measured.")
    return "\n".join(f"- {limit}" for limit in lines)


def _kaggle(facts: ModelFacts, handles: Sequence[str]) -> str:
    model = slug(facts.name)
    commands = ["kaggle models create -p ."]
    commands += [f"kaggle models variations create -p {h} --dir-mode zip" for h in handles]
    return (
        "This folder has the layout that Kaggle's command line expects. Replace "
        "`INSERT_OWNER_SLUG_HERE` with your user name in `model-metadata.json` and in each "
        "`model-instance-metadata.json`; the model stays private until you publish it. The licence "
        f"is given as `{kaggle_licence(facts.licence)}`. Uploading was not tested, because it "
        "needs an account.\n\n```sh\n" + "\n".join(commands) + "\n```\n\n"
        f"The handle is then `OWNER/{model}/{FRAMEWORK}/{slug(handles[0])}`."
    )


def _security(archives: Mapping[str, str]) -> str:
    text = (
        "A SavedModel is a program: it may read and write files as soon as it is loaded. Do not "
        "load one from a source that you do not trust."
    )
    if not archives:
        return text
    rows = "\n".join(f"| `{name}` | `{digest}` |" for name, digest in archives.items())
    names = " ".join(f"{name}.sha256" for name in archives)
    return (
        f"{text} TensorFlow Hub does not verify checksums, so verify them yourself first:\n\n"
        f"| archive | sha256 |\n|---|---|\n{rows}\n\n```sh\nsha256sum -c {names}\n```"
    )


def _format_shape(sizes: Sequence[int | None]) -> str:
    return f"({', '.join('any' if size is None else str(size) for size in sizes)})"
