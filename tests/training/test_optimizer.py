from dataclasses import replace
from functools import cache

import keras
import numpy as np
import pytest
import torch

from keras_mixers.catalogue import model_info
from tests.helpers.rounding import assert_all_close
from tests.helpers.small_networks import small
from training.optimizer import LAMB, SGD, AdamW, build_optimizer, is_decayed
from training.recipes import find_recipe
from training.schedule_settings import WarmupCosine

STEPS_PER_EPOCH = 3


def optimizer_of(recipe, steps_per_epoch):
    return build_optimizer(
        recipe.optimizer, recipe.schedule, recipe.epochs, steps_per_epoch, recipe.ema
    )


# Roundings of a variable's step: its gradient's part of the norm of all, decay, and momentum.
ROUNDINGS = 10
# Adam divides by 1 - 0.999 ** step, which enlarges what rounding does to 0.999, here in float32 and
# in double precision on PyTorch's side, a thousandfold; of which the root leaves half.
ADAM = 500

small = cache(small)  # It takes longer to build one than to move its weights.


def drawn(family: str) -> keras.Model:
    """Return a small network whose weights are all far from 0, where a wrong decay would hide."""
    model, random = small(family), np.random.default_rng(0)
    for variable in model.trainable_variables:
        variable.assign(1 + random.uniform(-0.5, 0.5, variable.shape))
    return model


def enlarged(name: str, **optimizer: float):
    """Return a recipe whose rate is large from the first step on, so that no fault hides in it."""
    recipe = find_recipe(name)
    settings = replace(recipe.optimizer, **optimizer)
    return replace(recipe, epochs=5, optimizer=settings, schedule=WarmupCosine(peak=0.5))


@pytest.mark.parametrize("name", ["convmixer_1536_20_imagenet", "mixer_b16_imagenet"])
def test_only_decayed_variables_shrink_in_a_compiled_step(name):
    recipe = enlarged(name, weight_decay=0.5)
    model = drawn(model_info(recipe.model.name).family)
    optimizer = optimizer_of(recipe, STEPS_PER_EPOCH)
    optimizer.build(model.trainable_variables)
    before = [v.numpy() for v in model.trainable_variables]
    optimizer.apply([np.zeros(v.shape, "float32") for v in model.trainable_variables])
    share = float(optimizer._learning_rate(0)) * recipe.optimizer.weight_decay
    assert share == 0.25
    for variable, value in zip(model.trainable_variables, before, strict=True):
        kept = 1 - share if is_decayed(variable, recipe.optimizer.decayed) else 1
        # Two roundings at most, of half an epsilon each.
        np.testing.assert_allclose(variable.numpy(), value * kept, rtol=2.0**-23)


def torch_copies(model: keras.Model) -> list[torch.nn.Parameter]:
    return [torch.nn.Parameter(torch.tensor(v.numpy())) for v in model.trainable_variables]


def gradients(model: keras.Model, step: int) -> list[np.ndarray]:
    random = np.random.default_rng(step)
    return [random.normal(size=v.shape).astype("float32") for v in model.trainable_variables]


def run_both(model, optimizer, theirs, copies, rate_of_step, clip_norm=None, steps=3, gain=1):
    """Apply the same gradients with both optimizers, and compare all weights."""
    for step in range(steps):
        values = gradients(model, step)
        for copy, value in zip(copies, values, strict=True):
            copy.grad = torch.tensor(value)
        if clip_norm is not None:
            torch.nn.utils.clip_grad_norm_(copies, clip_norm)
        rate_of_step(theirs, step)
        theirs.step()
        optimizer.apply(values, model.trainable_variables)
    weights = [copy.detach().numpy() for copy in copies]
    assert_all_close(model.trainable_variables, weights, steps * ROUNDINGS, gain)


@pytest.mark.parametrize("name", ["convmixer_1536_20_imagenet", "t2t_vit_14_imagenet"])
def test_adamw_is_torchs_with_groups(name):
    recipe = enlarged(name, weight_decay=0.1)
    settings = recipe.optimizer
    model = drawn(model_info(recipe.model.name).family)
    copies = torch_copies(model)
    rule = [is_decayed(v, settings.decayed) for v in model.trainable_variables]
    groups = [
        {"params": [c for c, d in zip(copies, rule, strict=True) if d is wanted], "weight_decay": w}
        for wanted, w in ((True, settings.weight_decay), (False, 0.0))
    ]
    theirs = torch.optim.AdamW(groups, lr=1.0, eps=settings.epsilon)
    optimizer = optimizer_of(recipe, STEPS_PER_EPOCH)

    def rate_of_step(theirs, step):
        for group in theirs.param_groups:
            group["lr"] = float(optimizer._learning_rate(step))

    run_both(model, optimizer, theirs, copies, rate_of_step, settings.clip_norm, gain=ADAM)


def test_lamb_is_its_papers_formula_with_clipping_and_bias_correction():
    """Against NumPy in double precision; tests/parity compares it with timm's."""
    model = drawn("ViT")
    rate, decay, epsilon = 0.5, 0.2, 1e-6
    optimizer = LAMB(rate, decay, epsilon=epsilon, global_clipnorm=1.0)
    weights = [v.numpy().astype("float64") for v in model.trainable_variables]
    rule = [is_decayed(v, "matrices") for v in model.trainable_variables]
    moments = [(np.zeros_like(w), np.zeros_like(w)) for w in weights]
    for step in range(1, 4):
        values = gradients(model, step)
        norm = np.sqrt(sum(np.sum(np.square(value, dtype="float64")) for value in values))
        for i, value in enumerate(values):
            g, (m, v) = value / max(norm, 1.0), moments[i]
            m, v = moments[i] = 0.9 * m + 0.1 * g, 0.999 * v + 0.001 * g * g
            update = m / (1 - 0.9**step) / (np.sqrt(v / (1 - 0.999**step)) + epsilon)
            if rule[i]:
                update += decay * weights[i]
                update *= np.linalg.norm(weights[i]) / np.linalg.norm(update)
            weights[i] = weights[i] - rate * update
        optimizer.apply(values, model.trainable_variables)
    assert any(rule)
    assert not all(rule)
    assert_all_close(model.trainable_variables, weights, 3 * ROUNDINGS, ADAM)


def test_lamb_takes_adams_step_where_a_norm_is_zero():
    variables = [keras.Variable(np.zeros((2, 2))), keras.Variable(np.ones((2, 2)))]
    LAMB(0.5, weight_decay=0.0).apply([np.ones((2, 2), "float32")], variables[:1])
    np.testing.assert_allclose(variables[0].numpy(), -0.5, rtol=1e-5)  # 1 / (1 + epsilon)
    optimizer = LAMB(0.5, weight_decay=0.2)
    optimizer.apply([np.zeros((2, 2), "float32")], variables[1:])
    np.testing.assert_allclose(variables[1].numpy(), 0.5, rtol=1e-6)  # By its own norm.
    zero = keras.Variable(np.zeros((2, 2)))
    LAMB(0.5, weight_decay=0.2).apply([np.zeros((2, 2), "float32")], [zero])
    np.testing.assert_array_equal(zero.numpy(), 0)


def test_kerass_own_adamw_is_not_torchs():
    """Why there is another one: with the authors' epsilon, the first step is 30 times shorter."""
    variables = [keras.Variable([1.0]), keras.Variable([1.0])]
    gradient = [np.array([1e-3], "float32")]
    AdamW(1.0, epsilon=1e-3).apply(gradient, variables[:1])
    keras.optimizers.AdamW(1.0, weight_decay=0.0, epsilon=1e-3).apply(gradient, variables[1:])
    moved = [1 - float(variable.numpy()[0]) for variable in variables]
    assert moved[0] == pytest.approx(0.5, rel=1e-4)  # g / (g + epsilon)
    assert moved[1] == pytest.approx(0.0307, rel=1e-2)


def test_transfer_is_torchs_sgd_with_groups_and_its_cosine():
    recipe = replace(find_recipe("t2t_vit_14_cifar10"), epochs=6)
    settings = recipe.optimizer
    model = drawn("ConvMixer")  # Of any network, all but the head have the smaller rate.
    copies = torch_copies(model)
    of_head = [v.path.startswith("head/") for v in model.trainable_variables]
    groups = [
        {"params": [c for c, head in zip(copies, of_head, strict=True) if not head], "lr": 0.0005},
        {"params": [c for c, head in zip(copies, of_head, strict=True) if head]},
    ]
    theirs = torch.optim.SGD(groups, lr=0.05, momentum=0.9, weight_decay=settings.weight_decay)
    scheduler = torch.optim.lr_scheduler.CosineAnnealingLR(theirs, T_max=6, eta_min=2e-4)
    optimizer = optimizer_of(recipe, STEPS_PER_EPOCH)

    def rate_of_step(theirs, step):
        if step and step % STEPS_PER_EPOCH == 0:
            scheduler.step()

    run_both(model, optimizer, theirs, copies, rate_of_step, steps=6 * STEPS_PER_EPOCH)


def test_fine_tuning_clips_the_norm_of_all_gradients():
    recipe = enlarged("mixer_b16_finetune")
    model = drawn("MLPMixer")
    copies = torch_copies(model)
    theirs = torch.optim.SGD(copies, lr=1.0, momentum=0.9)
    optimizer = optimizer_of(recipe, STEPS_PER_EPOCH)

    def rate_of_step(theirs, step):
        theirs.param_groups[0]["lr"] = float(optimizer._learning_rate(step))

    run_both(model, optimizer, theirs, copies, rate_of_step, clip_norm=1.0)


def test_rate_depends_on_iterations_alone():
    optimizer = optimizer_of(find_recipe("convmixer_digits"), steps_per_epoch=22)
    resumed = optimizer_of(find_recipe("convmixer_digits"), steps_per_epoch=22)
    variables = [keras.Variable([1.0]), keras.Variable([1.0])]
    for _ in range(5):
        optimizer.apply([np.ones(1, "float32")], variables[:1])
    resumed.build(variables[1:])
    resumed.iterations.assign(5)
    assert float(optimizer.learning_rate) == float(resumed.learning_rate) > 0


def test_moving_average_is_the_recipes():
    recipe = replace(find_recipe("t2t_vit_14_imagenet"), ema=0.75)
    optimizer = optimizer_of(recipe, steps_per_epoch=1)
    variable = keras.Variable([1.0])
    values = []
    for _ in range(3):
        optimizer.apply([np.ones(1, "float32")], [variable])
        values.append(float(variable.numpy()[0]))
    wanted = 0.75 * (0.75 * values[0] + 0.25 * values[1]) + 0.25 * values[2]
    optimizer.finalize_variable_values([variable])
    assert float(variable.numpy()[0]) == pytest.approx(wanted, rel=1e-6)


@pytest.mark.parametrize(
    "name", ["convmixer_1536_20_imagenet", "resmlp_12_imagenet", "t2t_vit_14_cifar10"]
)
def test_a_saved_model_keeps_its_optimizer(name, tmp_path):
    layers = [keras.layers.Dense(2, name=name) for name in ("body", "head")]
    model = keras.Sequential([keras.Input((3,)), *layers])
    model.compile(optimizer_of(find_recipe(name), steps_per_epoch=4), "mse")
    data = {"x": np.ones((2, 3)), "y": np.ones((2, 2)), "verbose": 0}
    model.fit(**data)
    model.save(tmp_path / "model.keras")
    loaded = keras.models.load_model(tmp_path / "model.keras")
    assert loaded.optimizer.get_config() == model.optimizer.get_config()
    for _ in range(2):
        model.fit(**data)
        loaded.fit(**data)
    for mine, its in zip(model.weights, loaded.weights, strict=True):
        np.testing.assert_array_equal(mine.numpy(), its.numpy())


def test_sgd_without_momentum():
    variable = keras.Variable([1.0])
    SGD(0.5, momentum=0.0, weight_decay=0.5).apply([np.ones(1, "float32")], [variable])
    assert variable.numpy().tolist() == [0.25]


def test_an_unknown_rule_is_refused():
    with pytest.raises(ValueError, match="'all', 'matrices' or 'kernels'; received 'most'"):
        is_decayed(keras.Variable([1.0]), "most")
