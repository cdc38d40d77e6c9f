"""ConvMixer in torch, for its names and its numbers."""

import torch


class TorchConvMixer(torch.nn.Sequential):
    """The ConvMixer of the paper's figure 3, in its module names."""

    def __init__(self, h: int, depth: int, k: int, p: int, classes: int, act: type) -> None:
        class Residual(torch.nn.Module):
            def __init__(self, fn: torch.nn.Module) -> None:
                super().__init__()
                self.fn = fn

            def forward(self, x: torch.Tensor) -> torch.Tensor:
                return self.fn(x) + x

        def tail() -> list[torch.nn.Module]:
            return [act(), torch.nn.BatchNorm2d(h)]

        super().__init__(
            torch.nn.Conv2d(3, h, p, p),
            *tail(),
            *(
                torch.nn.Sequential(
                    Residual(
                        torch.nn.Sequential(
                            torch.nn.Conv2d(h, h, k, groups=h, padding="same"), *tail()
                        )
                    ),
                    torch.nn.Conv2d(h, h, 1),
                    *tail(),
                )
                for _ in range(depth)
            ),
            torch.nn.AdaptiveAvgPool2d((1, 1)),
            torch.nn.Flatten(),
            torch.nn.Linear(h, classes),
        )
