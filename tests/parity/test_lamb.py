"""LAMB beside timm's, with the same gradients."""

import keras
import numpy as np
import pytest
import torch

from tests.helpers import timm_reference
from tests.helpers.rounding import assert_all_close
from training.optimizer import LAMB, is_decayed

pytestmark = pytest.mark.parity

RATES = (0.5, 0.2, 0.3)
DECAY = 0.2
# Roundings of a step, as in tests/training/test_optimizer.py, and of the norms of 6 x 8 numbers.
ROUNDINGS = len(RATES) * (10 + 2 * 48)
ADAM = 500


@pytest.mark.parametrize("clip_norm", [1.0, None])
def test_lamb_is_timms(clip_norm: float | None) -> None:
    timm_reference.import_timm()
    from timm.optim import Lamb

    random = np.random.default_rng(0)
    shapes = [(6, 8), (8,), (3, 4), (1,)]
    weights = [1 + random.uniform(-0.5, 0.5, shape) for shape in shapes]
    variables = [keras.Variable(values, dtype="float32") for values in weights]
    copies = [torch.nn.Parameter(torch.tensor(v.numpy())) for v in variables]
    groups = [
        {
            "params": [
                copy
                for copy, variable in zip(copies, variables, strict=True)
                if is_decayed(variable, "matrices") is decays
            ],
            "weight_decay": DECAY if decays else 0.0,
        }
        for decays in (True, False)
    ]
    theirs = Lamb(groups, lr=1.0, eps=1e-8, max_grad_norm=clip_norm)
    schedule = keras.optimizers.schedules.PiecewiseConstantDecay([0, 1], list(RATES))
    ours = LAMB(schedule, DECAY, epsilon=1e-8, global_clipnorm=clip_norm)
    for rate in RATES:
        gradients = [random.normal(size=shape).astype("float32") for shape in shapes]
        for copy, gradient in zip(copies, gradients, strict=True):
            copy.grad = torch.tensor(gradient)
        for group in theirs.param_groups:
            group["lr"] = rate
        theirs.step()
        ours.apply(gradients, variables)
    wanted = [copy.detach().numpy() for copy in copies]
    assert_all_close(variables, wanted, ROUNDINGS, ADAM)
