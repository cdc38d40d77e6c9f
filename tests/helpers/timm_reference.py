"""timm's networks with random weights, as a reference for ours."""

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
    # timm names one ViT-L/32 after a release without a head.
    return randomise(import_timm().create_model(name, num_classes=1000))


def randomise(model: torch.nn.Module) -> torch.nn.Module:
    """Replace initial zeros and ones by random values; return the model, in evaluation mode.

    These are biases, scales, tokens, positions, gates, running statistics and some heads. As
    zeros and ones they would hide that a weight was loaded into another's place.
    """
    batch_norms = [m for m in model.modules() if isinstance(m, torch.nn.BatchNorm2d)]
    layer_norms = [m for m in model.modules() if isinstance(m, torch.nn.LayerNorm)]
    scales = {id(norm.weight) for norm in batch_norms + layer_norms}
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            if id(parameter) in scales or name.endswith("alpha"):
                parameter.uniform_(0.5, 1.5)
            elif parameter.ndim in (1, 3) or name.startswith("head"):
                parameter.normal_(std=0.1)
            elif name.endswith("gate.proj.weight"):
                parameter.normal_(std=parameter.shape[1] ** -0.5)
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


def write_gradients(
    model: torch.nn.Module, images: np.ndarray, factors: np.ndarray, path: Path
) -> None:
    """Write the gradients of `sum(factors * logits)` in training mode, in the place of weights.

    They are computed in float64.
    """
    model.double().train()
    logits = model(channels_first(images).double())
    (logits * torch.from_numpy(factors)).sum().backward()
    gradients = {key: value.grad for key, value in model.named_parameters()}
    tensors = {**model.state_dict(), **gradients}  # Statistics have none.
    save_file({key: value.contiguous() for key, value in tensors.items()}, path)
    model.float().eval().zero_grad()


def features_and_logits(
    model: torch.nn.Module, images: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Return tokens (B, N, C) or a map (B, H, W, C), and logits (B, classes), of images."""
    with torch.inference_mode():
        features = model.forward_features(channels_first(images))
        found = model.forward_head(features).numpy()
    return (features.movedim(1, -1) if features.ndim == 4 else features).numpy(), found


def logits(model: torch.nn.Module, images: np.ndarray) -> np.ndarray:
    """Return the logits (B, classes) of images (B, H, W, 3)."""
    with torch.inference_mode():
        return model(channels_first(images)).numpy()
