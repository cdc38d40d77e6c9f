"""timm's ConvMixers and MLP-Mixers with random weights, as a reference for ours."""

import importlib
import re
from pathlib import Path
from types import ModuleType

import numpy as np
import torch
from safetensors.torch import save_file

from tests.helpers.timm_variants import random_images

_declared: list[torch.library.Library] = []


def import_timm() -> ModuleType:
    """Import timm, even if torchvision was compiled for another torch.

    timm imports torchvision, whose usual wheel is made for torch with CUDA. With a torch for CPUs
    its compiled part doesn't load, and its Python part then fails on the missing operators. The
    networks here use none of these, so that it is enough to declare them.
    """
    while True:
        try:
            return importlib.import_module("timm")
        except RuntimeError as error:
            missing = re.fullmatch(r"operator torchvision::(\w+) does not exist", str(error))
            if missing is None:
                raise
            # Kept, because a library that is garbage-collected takes its declarations with it.
            library = torch.library.Library("torchvision", "FRAGMENT")
            library.define(f"{missing[1]}(Tensor dets, Tensor scores, float threshold) -> Tensor")
            _declared.append(library)


def channels_first(images: np.ndarray) -> torch.Tensor:
    """Turn images (B, H, W, C) into torch's (B, C, H, W)."""
    return torch.from_numpy(np.ascontiguousarray(images.transpose(0, 3, 1, 2)))


def random_model(name: str) -> torch.nn.Module:
    """Return timm's network `name` with random weights, in evaluation mode."""
    torch.manual_seed(0)
    return randomise(import_timm().create_model(name))


def randomise(model: torch.nn.Module) -> torch.nn.Module:
    """Replace initial zeros and ones by random values; return the model, in evaluation mode.

    These are the biases, scales, running statistics and Mixer's head. As zeros and ones they would
    hide that a weight was loaded into another's place.
    """
    batch_norms = [m for m in model.modules() if isinstance(m, torch.nn.BatchNorm2d)]
    layer_norms = [m for m in model.modules() if isinstance(m, torch.nn.LayerNorm)]
    with torch.no_grad():
        for parameter in model.parameters():
            if parameter.ndim == 1:
                parameter.normal_(std=0.1)
        for norm in batch_norms + layer_norms:
            norm.weight.uniform_(0.5, 1.5)
        model.head.weight.normal_(std=0.1)
        if batch_norms:
            _randomise_statistics(model, batch_norms)
    return model.eval()


def _randomise_statistics(model: torch.nn.Module, norms: list[torch.nn.Module]) -> None:
    """Set the running statistics to those of random images, then shift each at random.

    With statistics far from the truth the signal would fade from block to block, until the last
    biases alone decided the logits.
    """
    momenta = [norm.momentum for norm in norms]
    for norm in norms:
        norm.momentum = 1.0
    model.train()(channels_first(random_images(2, 112, 112)))
    for norm, momentum in zip(norms, momenta, strict=True):
        norm.momentum = momentum
        norm.running_mean.add_(0.1 * norm.running_var.sqrt() * torch.randn_like(norm.running_mean))
        norm.running_var.mul_(torch.empty_like(norm.running_var).uniform_(0.8, 1.25))


def write_weights(model: torch.nn.Module, path: Path) -> None:
    """Write the weights as one `.safetensors` file, like timm's releases."""
    save_file({key: value.contiguous() for key, value in model.state_dict().items()}, path)


def logits(model: torch.nn.Module, images: np.ndarray) -> np.ndarray:
    """Return the logits (B, classes) of images (B, H, W, 3)."""
    with torch.inference_mode():
        return model(channels_first(images)).numpy()
