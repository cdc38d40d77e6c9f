"""The model card: what is known of an export, and how each of its users loads it."""

from collections.abc import Mapping, Sequence

from hub_export.model_facts import ModelFacts
from hub_export.publish.card_examples import loading_examples
from hub_export.publish.kaggle import FRAMEWORK, kaggle_licence, slug


def model_card(
    facts: ModelFacts, handles: Sequence[str], archives: Mapping[str, str] | None = None
) -> str:
    """Return the model card of an export, in Markdown.

    Its examples run in the folder that holds the handles. What is not known is said to be so.

    Args:
        facts: of the model.
        handles: folders of the SavedModels: "classification", "feature-vector", or both.
        archives: sha256 of each archive, by file name such as "classification.tar.gz".

    >>> import keras_mixers
    >>> from hub_export.model_facts import collect_facts
    >>> model = keras_mixers.MLPMixer(8, 2, input_shape=(32, 32, 3), classes=5, name="mixer")
    >>> model_card(collect_facts(model), ["classification", "feature-vector"]).splitlines()[0]
    '# mixer'
    """
    archives = archives or {}
    parts = [
        f"# {facts.name}",
        _summary(facts),
        "## Architecture",
        _architecture(facts),
        "## Input",
        _input(facts),
        "## Outputs",
        _outputs(facts, handles),
        "## Preprocessing",
        _preprocessing(facts),
        "## Accuracy",
        _accuracy(facts),
        "## Licence",
        f"Of the weights: {facts.licence or 'not stated'}.",
        "## Limits",
        _limits(facts),
        "## How to load",
        loading_examples(facts, handles, archives),
        "## Kaggle",
        _kaggle(facts, handles),
        "## Security",
        _security(archives),
    ]
    return "\n\n".join(parts) + "\n"


def _summary(facts: ModelFacts) -> str:
    kind = facts.family or "A network"
    if facts.classes is None:
        return f"{kind} that turns images into features, as a TensorFlow SavedModel."
    return f"{kind} that sorts images into {facts.classes:,} classes, as TensorFlow SavedModels."


def _architecture(facts: ModelFacts) -> str:
    names = {"keras_mixers": "keras-mixers", "keras": "Keras", "tensorflow": "TensorFlow"}
    versions = ", ".join(f"{names[name]} {version}" for name, version in facts.versions.items())
    rows = {
        "family": facts.family or "not known",
        "blocks": str(facts.depth) if facts.family else "not known",
        "trainable parameters": f"{facts.parameters:,}",
        "fixed parameters": f"{facts.fixed_parameters:,}",
        "features": _shape(facts.feature_shape),
        "trained on": facts.dataset or "not stated",
        "paper": facts.paper or "not known",
        "written by": versions,
    }
    return "\n".join(["| | |", "|---|---|", *(f"| {name} | {row} |" for name, row in rows.items())])


def _input(facts: ModelFacts) -> str:
    height, width, channels = facts.input_shape
    colours = "RGB" if channels == 3 else f"of {channels} channels"
    if height is None and width is None:
        size = "Any height and width, from one patch up"
    else:
        size = f"Height {height or 'any'} and width {width or 'any'}"
    return (
        f"Images (batch, height, width, {channels}), **float32, {colours}, in [0, 1]**. {size}; "
        "any batch. The network normalises inside: do not subtract a mean or divide by a "
        "deviation. Other types (uint8, float64) are refused."
    )


def _outputs(facts: ModelFacts, handles: Sequence[str]) -> str:
    features = _shape((None, *facts.feature_shape))
    logits = _shape((None, facts.classes))
    rows = ["| handle | signature | output | shape | what |", "|---|---|---|---|---|"]
    for handle in handles:
        if handle == "classification":
            rows += [
                f"| `{handle}` | called | | {logits} | logits |",
                f"| | `.features`, called | | {features} | features |",
                f"| | `serving_default` | `logits` | {logits} | logits |",
                f"| | | `probabilities` | {logits} | what the model's activation makes of them |",
                f"| | `image_classification` | `default` | {logits} | logits |",
                f"| | `feature_vector` | `default` | {features} | features |",
            ]
        else:
            rows += [
                f"| `{handle}` | called | | {features} | features |",
                f"| | `serving_default`, `feature_vector` | `default` | {features} | features |",
            ]
    text = "Everything is float32. Each signature takes `images`, and infers; none trains."
    if "classification" in handles:
        text += (
            " Called, a classifier gives **logits, not probabilities**: train it with a loss "
            "`from_logits=True`."
        )
        if facts.labels:
            text += " `assets/labels.txt` names the classes, line 1 class 0."
    return text + "\n\n" + "\n".join(rows) + "\n\n`assets/metadata.json` says what this card says."


def _preprocessing(facts: ModelFacts) -> str:
    if facts.mean is None or facts.std is None:
        inside = (
            "What the network does to pixels is in its layer `preprocessing`; no more is known."
        )
    else:
        mean, std = (", ".join(f"{x:g}" for x in values) for values in (facts.mean, facts.std))
        inside = f"Inside the network: (pixels - mean) / std, with mean {mean} and std {std}."
    if facts.crop is None:
        return f"{inside} Which resize and crop belong before it is not known."
    crop = "the centre is cut out" if facts.crop < 1 else "what is longer than the input is cut off"
    return (
        f"{inside} For evaluation, the shorter side is resized to the input's side divided by "
        f"{facts.crop:g} ({facts.interpolation}, antialiased), and {crop}."
    )


def _accuracy(facts: ModelFacts) -> str:
    if facts.accuracy is None:
        return "Not measured."
    return f"{100 * facts.accuracy:.2f} % of predictions are right; source: {facts.accuracy_source}"


def _limits(facts: ModelFacts) -> str:
    limits = []
    if None not in facts.input_shape:
        limits.append("Images of another size are refused; resize them.")
    if facts.classes is not None and not facts.labels:
        limits.append("The names of the classes do not come with it.")
    if facts.dataset is None:
        limits.append("What it was trained on is not stated, so neither is what it is good for.")
    limits.append("Robustness, fairness and speed were not measured.")
    return "\n".join(f"- {limit}" for limit in limits)


def _kaggle(facts: ModelFacts, handles: Sequence[str]) -> str:
    model = slug(facts.name)
    commands = ["kaggle models create -p ."]
    commands += [f"kaggle models variations create -p {h} --dir-mode zip" for h in handles]
    return (
        "The folder has the layout that Kaggle's command line takes. Put your name for "
        "`INSERT_OWNER_SLUG_HERE` into `model-metadata.json` and each "
        "`model-instance-metadata.json`; the model stays private until you say otherwise. The "
        f"licence is given as `{kaggle_licence(facts.licence)}`. No upload was tried: it needs an "
        "account.\n\n```sh\n" + "\n".join(commands) + "\n```\n\n"
        f"It is then `OWNER/{model}/{FRAMEWORK}/{slug(handles[0])}`."
    )


def _security(archives: Mapping[str, str]) -> str:
    text = (
        "A SavedModel is a program: it may read and write files as soon as it is loaded. Load "
        "none whose origin you do not trust."
    )
    if not archives:
        return text
    rows = "\n".join(f"| `{name}` | `{digest}` |" for name, digest in archives.items())
    names = " ".join(f"{name}.sha256" for name in archives)
    return (
        f"{text} TensorFlow Hub checks no checksum, so check it before:\n\n"
        f"| archive | sha256 |\n|---|---|\n{rows}\n\n```sh\nsha256sum -c {names}\n```"
    )


def _shape(sizes: Sequence[int | None]) -> str:
    return f"({', '.join('any' if size is None else str(size) for size in sizes)})"
