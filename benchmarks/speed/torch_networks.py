"""The lineage's y1 and face ResNets (unit 3, input 1, output E) in PyTorch.

The same layers, widths, strides and numbers as ``symbols.fmobilefacenet`` and ``symbols.fresnet``,
for PyTorch's speed beside MXNet's. Runs under any interpreter that has torch.
"""

from __future__ import annotations

import torch
from torch import nn

UNITS = {18: (2, 2, 2, 2), 34: (3, 4, 6, 3), 50: (3, 4, 14, 3), 100: (3, 13, 30, 3)}
WIDTHS = (64, 128, 256, 512)
LAST_MAP = 7


class Normalise(nn.Module):
    """Pixels 0..255 -> (x - 127.5) / 128."""

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return (x - 127.5) * 0.0078125


class Sum(nn.Module):
    """body(x) + shortcut(x); without a shortcut, body(x) + x."""

    def __init__(self, body: nn.Module, shortcut: nn.Module | None = None):
        super().__init__()
        self.body, self.shortcut = body, shortcut

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.body(x) + (x if self.shortcut is None else self.shortcut(x))


def conv(channels: int, filters: int, kernel: int, stride: int = 1, groups: int = 1) -> nn.Module:
    """A convolution without bias, whose map shrinks by the stride alone."""
    return nn.Conv2d(channels, filters, kernel, stride, kernel // 2, groups=groups, bias=False)


def embedding_norm(embedding: int) -> nn.Module:
    """Batch normalisation of the embedding, whose gamma is 1 and stays so."""
    norm = nn.BatchNorm1d(embedding, eps=2e-5)
    norm.weight.requires_grad_(False)
    return norm


def residual_unit(channels: int, filters: int, stride: int, match: bool) -> nn.Module:
    """BN-Conv-BN-PReLU-Conv-BN, and a projected shortcut where shapes differ."""
    body = nn.Sequential(
        nn.BatchNorm2d(channels, eps=2e-5),
        conv(channels, filters, 3),
        nn.BatchNorm2d(filters, eps=2e-5),
        nn.PReLU(filters),
        conv(filters, filters, 3, stride),
        nn.BatchNorm2d(filters, eps=2e-5),
    )
    other = nn.Sequential(conv(channels, filters, 1, stride), nn.BatchNorm2d(filters, eps=2e-5))
    return Sum(body, None if match else other)


def face_resnet(layers: int, embedding: int) -> nn.Module:
    """r<layers> for images of 112 pixels."""
    channels = WIDTHS[0]
    blocks = [
        Normalise(),
        conv(3, channels, 3),
        nn.BatchNorm2d(channels, eps=2e-5),
        nn.PReLU(channels),
    ]
    for width, count in zip(WIDTHS, UNITS[layers]):
        for unit in range(count):
            blocks.append(residual_unit(channels, width, 1 if unit else 2, match=unit > 0))
            channels = width
    return nn.Sequential(
        *blocks,
        nn.BatchNorm2d(channels, eps=2e-5),
        nn.Dropout(0.4),
        nn.Flatten(),
        nn.Linear(channels * LAST_MAP**2, embedding),
        embedding_norm(embedding),
    )


def linear(channels: int, filters: int, kernel: int = 1, **rest) -> list[nn.Module]:
    """Convolution and batch normalisation."""
    return [conv(channels, filters, kernel, **rest), nn.BatchNorm2d(filters, eps=1e-3)]


def active(channels: int, filters: int, kernel: int = 1, **rest) -> list[nn.Module]:
    """The same, and PReLU."""
    return [*linear(channels, filters, kernel, **rest), nn.PReLU(filters)]


def separable(channels: int, expanded: int, filters: int, stride: int = 1) -> nn.Module:
    """1x1 expansion, 3x3 depthwise, 1x1 projection."""
    return nn.Sequential(
        *active(channels, expanded),
        *active(expanded, expanded, 3, stride=stride, groups=expanded),
        *linear(expanded, filters),
    )


def mobile_facenet(embedding: int) -> nn.Module:
    """y1 for images of 112 pixels."""
    blocks = [Normalise(), *active(3, 64, 3, stride=2), *active(64, 64, 3, groups=64)]
    for channels, expanded, filters, count, inside in (
        (64, 128, 64, 4, 128),
        (64, 256, 128, 6, 256),
        (128, 512, 128, 2, 256),
    ):
        blocks.append(separable(channels, expanded, filters, stride=2))
        blocks += [Sum(separable(filters, inside, filters)) for _ in range(count)]
    return nn.Sequential(
        *blocks,
        *active(128, 512),
        nn.Conv2d(512, 512, LAST_MAP, groups=512, bias=False),
        nn.BatchNorm2d(512, eps=1e-3),
        nn.Flatten(),
        nn.Linear(512, embedding),
        embedding_norm(embedding),
    )


def torch_network(name: str, embedding: int) -> nn.Module:
    """The network that ``--network`` names. Raises KeyError for one that is not written here."""
    return mobile_facenet(embedding) if name == "y1" else face_resnet(int(name[1:]), embedding)
