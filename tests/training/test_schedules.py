import keras
import numpy as np
import pytest
import tensorflow as tf

from training.recipes import RECIPES
from training.schedule_settings import EpochCosine, OneCycle, WarmupCosine, WarmupLinear
from training.schedules import PerEpoch, PiecewiseLinear, build_schedule

SIZES = {"digits": 1433, "tfds:imagenet2012": 1_281_167, "tfds:cifar10": 50_000}
SIZES["tfds:cifar100"] = SIZES["tfds:cifar10"]


def expected(recipe, steps_per_epoch: int) -> np.ndarray:
    """The rate of each step, from what the papers' code says; float64."""
    peak, epochs = recipe.schedule.peak, recipe.epochs
    last = epochs * steps_per_epoch
    step = np.arange(last, dtype="float64")
    if recipe.name.startswith("convmixer") and not recipe.name.endswith("digits"):
        turns = [0, epochs * 2 // 5, epochs * 4 // 5, epochs]
        return np.interp((step + 1) / steps_per_epoch, turns, [0, peak, peak / 20, 0])
    if recipe.name.startswith(("deit", "resmlp")) and recipe.name.endswith("imagenet"):
        # `main.py` calls timm's scheduler with an epoch's number after that epoch.
        epoch = np.maximum(step // steps_per_epoch - 1, 0)
        cosine = 1e-5 + 0.5 * (peak - 1e-5) * (1 + np.cos(np.pi * epoch / epochs))
        return np.where(epoch < 5, 1e-6 + epoch * (peak - 1e-6) / 5, cosine)
    if recipe.name.startswith("t2t") and recipe.name.endswith("imagenet"):
        epoch = step // steps_per_epoch
        cosine = 1e-5 + 0.5 * (peak - 1e-5) * (1 + np.cos(np.pi * epoch / 300))
        rise = 1e-6 + epoch * (peak - 1e-6) / 10
        return np.where(epoch < 10, rise, np.where(epoch < 300, cosine, 1e-5))
    if recipe.name.startswith("t2t_vit_14_cifar"):
        return 2e-4 + (0.05 - 2e-4) * (1 + np.cos(np.pi * (step // steps_per_epoch) / 60)) / 2
    warmup = (
        10_000 if recipe.name.endswith("imagenet") else round(recipe.schedule.warmup_share * last)
    )
    progress = np.clip((step - warmup) / (last - warmup), 0, 1)
    if recipe.name.startswith("mixer") and recipe.name.endswith("imagenet"):
        rate = 1e-8 + (peak - 1e-8) * (1 - progress)
    else:
        rate = peak * 0.5 * (1 + np.cos(np.pi * progress))
    return rate * np.minimum(1, step / warmup)


def rates(schedule, steps: int) -> np.ndarray:
    """The rate of each step; Keras's CosineDecay takes one step at a time."""
    if not isinstance(schedule, keras.optimizers.schedules.CosineDecay):
        return np.asarray(schedule(np.arange(steps)))

    @tf.function
    def each() -> tf.Tensor:
        return tf.map_fn(schedule, tf.range(steps, dtype=tf.int64), fn_output_signature=tf.float32)

    return each().numpy()


@pytest.mark.parametrize("name", RECIPES)
def test_rate_of_each_step_of_each_recipe(name):
    recipe = RECIPES[name]
    steps = SIZES[recipe.data] // recipe.batch_size
    schedule = build_schedule(recipe.schedule, recipe.epochs, steps)
    wanted = expected(recipe, steps)
    received = rates(schedule, len(wanted))
    # 1 + cos of a float32 angle loses digits where it is near 0.
    slack = 2e-7 * recipe.schedule.peak if isinstance(recipe.schedule, WarmupCosine) else 0
    np.testing.assert_allclose(received, wanted, rtol=1e-6, atol=slack)


def test_turning_points_are_exact():
    schedule = build_schedule(OneCycle(0.05), epochs=25, steps_per_epoch=97)
    turns = np.array([10, 20, 25]) * 97 - 1
    np.testing.assert_array_equal(schedule(turns), np.float32([0.05, 0.05 / 20, 0]))
    np.testing.assert_array_equal(schedule(np.array([10**6])), [0.0])


@pytest.mark.parametrize("epochs", [1, 2, 3])
def test_few_epochs_follow_the_authors_formula_too(epochs):
    schedule = build_schedule(OneCycle(1.0), epochs, steps_per_epoch=4)
    t = (np.arange(4 * epochs) + 1) / 4
    wanted = np.interp(t, [0, epochs * 2 // 5, epochs * 4 // 5, epochs], [0, 1, 1 / 20, 0])
    np.testing.assert_allclose(schedule(np.arange(4 * epochs)), wanted, rtol=1e-6)


@pytest.mark.parametrize(
    "settings",
    [
        EpochCosine(1.0, warmup_epochs=10, warmup_start=0.1, cooldown_epochs=10),
        WarmupLinear(1.0, warmup_steps=10_000),
        WarmupCosine(1.0, warmup_share=0.2),
        WarmupCosine(1.0),
    ],
)
def test_runs_shorter_than_their_warm_up_have_a_rate(settings):
    schedule = build_schedule(settings, epochs=1, steps_per_epoch=3)
    received = [float(schedule(step)) for step in range(4)]
    assert all(np.isfinite(received))
    assert 0 <= min(received) <= max(received) <= 1


@pytest.mark.parametrize(
    "schedule", [PiecewiseLinear([-1, 4, 4, 9], [0, 1, 0.5, 0]), PerEpoch([1.0, 0.5], 3)]
)
def test_schedules_survive_a_saved_model(schedule, tmp_path):
    model = keras.Sequential([keras.Input((1,)), keras.layers.Dense(1)])
    model.compile(keras.optimizers.SGD(schedule), "mse")
    model.save(tmp_path / "model.keras")
    loaded = keras.models.load_model(tmp_path / "model.keras")
    np.testing.assert_array_equal(
        loaded.optimizer._learning_rate(np.arange(12)), schedule(np.arange(12))
    )


def test_bad_tables_are_refused():
    with pytest.raises(
        ValueError, match=r"ascending steps and one rate for each; received \[2, 1\]"
    ):
        PiecewiseLinear([2, 1], [0.0, 1.0])
    with pytest.raises(ValueError, match="needs at least one rate and at least one step"):
        PerEpoch([0.1], steps_per_epoch=0)
