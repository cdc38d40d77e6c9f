"""The studies that come with the package: their networks, and what is equal between them."""

import keras
import pytest
from keras.src.backend.common import global_state

from training.data.sources.digits import NAMES
from training.recipe import FAMILIES
from training.run.setup import build_network
from training.studies import STUDIES, find_study
from training.study import Study, arm_recipe


def networks(study: Study) -> dict[str, keras.Model]:
    """Return the network of each arm, by label; their weights have shapes and no values."""
    built = {}
    for arm in study.arms:
        with keras.StatelessScope():
            built[arm.label] = build_network(arm_recipe(study, arm), len(NAMES))
            global_state.set_global_attribute("uninitialized_variables", [])
    return built


@pytest.mark.parametrize("study", STUDIES.values(), ids=list(STUDIES))
def test_each_arm_has_a_network(study: Study) -> None:
    for label, model in networks(study).items():
        assert model.output_shape == (None, 10), label


def test_patches_or_attention_compares_networks_of_one_size() -> None:
    study = find_study("patches_or_attention")
    counts = {label: model.count_params() for label, model in networks(study).items()}
    compared = [arm for arm in study.arms if "patch" not in arm.label]
    assert [arm_recipe(study, arm).model.name for arm in compared] == [
        "ConvMixer", "MLPMixer", "ResMLP", "gMLP", "ViT", "T2TViT", "ResNet",
    ]  # fmt: skip
    assert set(FAMILIES) < {arm_recipe(study, arm).model.name for arm in compared}
    for arm in compared:
        assert counts[arm.label] == pytest.approx(counts["ConvMixer"], rel=0.05), arm.label


def test_arms_of_patches_or_attention_differ_in_their_network_alone() -> None:
    study = find_study("patches_or_attention")
    for arm in study.arms:
        assert set(arm.changes) <= {"model.name", "model.arguments", "model.arguments.patch_size"}


def test_convmixer_training_leaves_out_one_part_at_a_time() -> None:
    study = find_study("convmixer_training")
    base, *others = (arm_recipe(study, arm).to_dict() for arm in study.arms)
    for other in others:
        differences = [
            (part, name)
            for part in ("augmentation", "optimizer")
            for name, value in base[part].items()
            if other[part][name] != value
        ]
        assert len(differences) == 1
        part, name = differences[0]
        assert not other[part][name]
        assert base[part][name]
