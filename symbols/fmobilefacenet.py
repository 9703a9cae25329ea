"""MobileFaceNet (y1): inverted residuals and a global depthwise convolution at the end.

Chen et al. 2018, as the 2019 code's ``fmobilefacenet`` writes it. The last convolution covers a
7x7 map: images must be 112x112 pixels.
"""

from __future__ import annotations

from mxnet.gluon import HybridBlock

from symbols.layers import (
    BatchNorm,
    Convolution,
    FullyConnected,
    Normalise,
    activation,
    chain,
)
from symbols.lineage_2019 import Ops, Tensor
from symbols.network import Network

# (name, input channels, expanded channels, output channels) of a strided block, then the blocks
# with a shortcut after it: (name, count, channels, expanded channels)
BLOCKS = (
    (("dconv_23", 64, 128, 64), ("res_3", 4, 64, 128)),
    (("dconv_34", 64, 256, 128), ("res_4", 6, 128, 256)),
    (("dconv_45", 128, 512, 128), ("res_5", 2, 128, 256)),
)


class _MobileFaceNetParts:
    """Makes the layers of one network: what all of them share is given once."""

    def __init__(self, momentum: float, act: str):
        self.momentum, self.act = momentum, act

    def linear(
        self,
        name: str,
        channels: int,
        filters: int,
        kernel: int = 1,
        stride: int = 1,
        pad: int = 0,
        groups: int = 1,
    ) -> list[HybridBlock]:
        return [
            Convolution(
                f"{name}_conv2d",
                channels,
                filters,
                kernel,
                num_group=groups,
                stride=(stride, stride),
                pad=(pad, pad),
                no_bias=True,
            ),
            BatchNorm(f"{name}_batchnorm", filters, self.momentum, eps=None),
        ]

    def conv(self, name: str, channels: int, filters: int, **rest) -> list[HybridBlock]:
        return [
            *self.linear(name, channels, filters, **rest),
            activation(f"{name}_relu", filters, self.act),
        ]

    def separable(
        self, name: str, channels: int, expanded: int, filters: int, stride: int
    ) -> list[HybridBlock]:
        """Return 1x1 expansion, 3x3 depthwise convolution, 1x1 projection without activation."""
        return [
            *self.conv(f"{name}_conv_sep", channels, expanded),
            *self.conv(
                f"{name}_conv_dw",
                expanded,
                expanded,
                kernel=3,
                stride=stride,
                pad=1,
                groups=expanded,
            ),
            *self.linear(f"{name}_conv_proj", expanded, filters),
        ]


class Shortcut(HybridBlock):
    """The body's output plus its input."""

    def __init__(self, *body: HybridBlock):
        super().__init__(prefix="")
        self.body = chain(*body)

    def hybrid_forward(self, F: Ops, x: Tensor) -> Tensor:
        """Return body(x) + x."""
        return self.body(x) + x


def fmobilefacenet(
    layers: int, embedding: int, *, bn_mom: float = 0.9, version_act: str = "prelu"
) -> HybridBlock:
    """Build the network ``y1``: (N, 3, 112, 112) pixels 0..255 RGB -> (N, ``embedding``).

    Raises:
        ValueError: ``layers`` is not 1.
    """
    if layers != 1:
        raise ValueError(f"`network` y{layers}: known is y1")
    parts = _MobileFaceNetParts(bn_mom, version_act)
    blocks = [
        Normalise(),
        *parts.conv("conv_1", 3, 64, kernel=3, stride=2, pad=1),
        *parts.conv("conv_2_dw", 64, 64, kernel=3, pad=1, groups=64),
    ]
    for (name, channels, expanded, filters), (run, count, width, run_expanded) in BLOCKS:
        blocks += parts.separable(name, channels, expanded, filters, stride=2)
        for index in range(count):
            blocks.append(
                Shortcut(
                    *parts.separable(f"{run}_block{index}", width, run_expanded, width, stride=1)
                )
            )
    blocks += [
        *parts.conv("conv_6sep", 128, 512),
        *parts.linear("conv_6dw7_7", 512, 512, kernel=7, groups=512),
    ]
    return Network(
        chain(*blocks),
        chain(
            FullyConnected("pre_fc1", embedding, 512, weight_name="fc1_weight"),
            BatchNorm("fc1", embedding, bn_mom, fix_gamma=True),
        ),
    )
