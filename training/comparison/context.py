"""What stands around the numbers of a report: machine, versions, data, published figures."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from keras_mixers.catalogue import list_models, model_info
from keras_mixers.catalogue.variant import Variant
from keras_mixers.json_files import read_json
from keras_mixers.value_checks import check_object
from training.comparison.outcomes import Outcome
from training.run.folder import DATA_FILE, ENVIRONMENT_FILE

_NEAR = 22_000_000  # Parameters of the networks that the papers compare: DeiT-S, T2T-ViT-14.
_ALONE = "trained on ImageNet-1k"


@dataclass(frozen=True)
class Facts:
    """Facts about the runs of a study, as names and values to print.

    Attributes:
        machine: processor, threads, devices and system.
        versions: of packages.
        data: sizes and digests of the data.
    """

    machine: Mapping[str, str]
    versions: Mapping[str, str]
    data: Mapping[str, str]


def read_facts(outcomes: Sequence[Outcome]) -> Facts:
    """Return the facts of the first run whose files have them, and say where others differ.

    Raises:
        ValueError: if a file is damaged.
    """
    runs = [outcome.folder for outcome in outcomes if outcome.measured is not None]
    environments = [_read(run / ENVIRONMENT_FILE, "an environment", check_object) for run in runs]
    records = [_read(run / DATA_FILE, "a record of data", _last_record) for run in runs]
    machine = [_machine(environment) for environment in environments]
    versions = [_texts(environment.get("packages")) for environment in environments]
    return Facts(_merge(machine), _merge(versions), _merge([_texts(each) for each in records]))


def _read(path: Path, what: str, check: Any) -> dict[str, Any]:
    try:
        return read_json(path, what, check)
    except OSError:
        return {}


def _last_record(content: object) -> dict[str, Any]:
    if not isinstance(content, list) or not content:
        raise ValueError("expected a list of records")
    record = check_object(content[-1])
    return {name: value for name, value in record.items() if name != "from_step"}


def _machine(environment: Mapping[str, Any]) -> dict[str, str]:
    gpus = environment.get("gpus")
    return _texts(
        {
            "processor": environment.get("cpu"),
            "threads": environment.get("threads"),
            "GPUs": (", ".join(map(str, gpus)) or "none") if isinstance(gpus, list) else None,
            "oneDNN": environment.get("oneDNN"),
            "system": environment.get("platform"),
            "Python": environment.get("python"),
        }
    )


def _texts(values: object) -> dict[str, str]:
    if not isinstance(values, Mapping):
        return {}
    return {str(name): str(value) for name, value in values.items() if value is not None}


def _merge(facts: Sequence[Mapping[str, str]]) -> dict[str, str]:
    """Return each fact once; runs that differ in one have all its values."""
    names = dict.fromkeys(name for each in facts for name in each)
    return {
        name: "; ".join(dict.fromkeys(each[name] for each in facts if name in each))
        for name in names
    }


def published_variants(outcomes: Sequence[Outcome]) -> list[Variant]:
    """Return a published variant of each family that is compared: that of about 22 M parameters.

    Only those trained on ImageNet-1k alone have figures that can be compared with each other.

    >>> published_variants([])
    []
    """
    variants = [model_info(name) for name in list_models()]
    chosen = []
    for family in dict.fromkeys(_family(outcome.recipe.model.name) for outcome in outcomes):
        fitting = [
            variant
            for variant in variants
            if variant.family == family and variant.top1 is not None
            if _ALONE in variant.top1_source and "and fine-tuned" not in variant.top1_source
        ]
        if fitting:
            chosen.append(min(fitting, key=lambda variant: abs(variant.parameters - _NEAR)))
    return chosen


def _family(name: str) -> str:
    return model_info(name).family if name in list_models() else name
