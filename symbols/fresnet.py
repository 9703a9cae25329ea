"""The face ResNets of the lineage: r18, r34, r49, r50, r74, r90, r100, r101, r152, r200, r269.

From 101 layers on, units are bottlenecks. ``version_unit`` 1 is the post-activation unit, 2 the
pre-activation unit, 3 the improved unit of the ArcFace paper (BN-Conv-BN-PReLU-Conv-BN).
"""

from __future__ import annotations

from typing import Sequence

from mxnet.gluon import HybridBlock

from symbols.heads import embedding_head
from symbols.layers import (
    Activation,
    BatchNorm,
    Convolution,
    Normalise,
    Pooling,
    activation,
    chain,
)
from symbols.lineage_2019 import Ops, Tensor
from symbols.network import Network

UNITS = {
    18: (2, 2, 2, 2),
    34: (3, 4, 6, 3),
    49: (3, 4, 14, 3),
    50: (3, 4, 14, 3),
    74: (3, 6, 24, 3),
    90: (3, 8, 30, 3),
    100: (3, 13, 30, 3),
    101: (3, 4, 23, 3),
    152: (3, 8, 36, 3),
    200: (3, 24, 36, 3),
    269: (3, 30, 48, 8),
}
PLAIN_WIDTHS = (64, 64, 128, 256, 512)
BOTTLENECK_WIDTHS = (64, 256, 512, 1024, 2048)


class _ResNetParts:
    """Makes the layers of one network: what all of them share is given once.

    ``small_input`` is version_input 1: unit 1 then strides in its last convolution.
    """

    def __init__(self, momentum: float, act: str, squeeze: bool, small_input: bool):
        self.momentum, self.act, self.squeeze = momentum, act, squeeze
        self.small_input = small_input

    def conv(self, name: str, channels: int, filters: int, kernel: int, stride: int) -> HybridBlock:
        pad = (kernel - 1) // 2
        return Convolution(
            name,
            channels,
            filters,
            kernel,
            stride=(stride, stride),
            pad=(pad, pad),
            no_bias=True,
            workspace=256,
        )

    def projection(self, name: str, channels: int, filters: int, stride: int) -> HybridBlock:
        """Return the 1x1 convolution of a shortcut; the 2019 code names no padding here."""
        return Convolution(
            name, channels, filters, 1, stride=(stride, stride), no_bias=True, workspace=256
        )

    def norm(self, name: str, channels: int) -> HybridBlock:
        return BatchNorm(name, channels, self.momentum)

    def activate(self, name: str, channels: int) -> HybridBlock:
        return activation(name, channels, self.act)


class SqueezeExcite(HybridBlock):
    """x times a gate per channel, computed from its averages over the map (``--version-se 1``)."""

    def __init__(self, parts: _ResNetParts, name: str, channels: int):
        super().__init__(prefix="")
        narrow = max(1, channels // 16)
        spelling: dict = dict(stride=(1, 1), pad=(0, 0), workspace=256)
        self.gate = chain(
            Pooling(global_pool=True, kernel=(7, 7), pool_type="avg", name=f"{name}_se_pool1"),
            Convolution(f"{name}_se_conv1", channels, narrow, 1, **spelling),
            parts.activate(f"{name}_se_relu1", narrow),
            Convolution(f"{name}_se_conv2", narrow, channels, 1, **spelling),
            Activation(f"{name}_se_sigmoid", "sigmoid"),
        )

    def hybrid_forward(self, F: Ops, x: Tensor) -> Tensor:
        """Return x times its gates."""
        return F.broadcast_mul(x, self.gate(x))


class ResidualUnit(HybridBlock):
    """``entry`` -> ``body`` + shortcut -> ``exit``.

    ``shortcut`` is None where the shapes match: then the unit's own input is added. With
    ``project_entry`` (unit 2) a projecting shortcut starts after ``entry``, else at the input.
    """

    def __init__(
        self,
        entry: HybridBlock | None,
        body: HybridBlock,
        shortcut: HybridBlock | None,
        exit_: HybridBlock | None,
        project_entry: bool,
    ):
        super().__init__(prefix="")
        self.entry, self.body, self.shortcut, self.exit = entry, body, shortcut, exit_
        self._project_entry = project_entry

    def hybrid_forward(self, F: Ops, x: Tensor) -> Tensor:
        """Return the output of the unit."""
        entered = x if self.entry is None else self.entry(x)
        y = self.body(entered)
        if self.shortcut is not None:
            x = self.shortcut(entered if self._project_entry else x)
        y = y + x
        return y if self.exit is None else self.exit(y)


def residual_unit(
    parts: _ResNetParts,
    version: int,
    name: str,
    channels: int,
    filters: int,
    stride: int,
    match: bool,
    bottleneck: bool,
) -> ResidualUnit:
    """Build a unit: (N, channels, H, W) -> (N, filters, H/stride, W/stride).

    ``match`` says that input and output have the same shape.
    """
    inner = filters // 4 if bottleneck else filters
    # (output channels, kernel) of each convolution of the unit, and which of them strides
    if bottleneck:
        sizes = [(inner, 1), (inner, 3), (filters, 1)]
        strided = {1: 2 if parts.small_input else 0, 2: 1, 3: 2}[version]
    else:
        sizes = [(inner, 3), (filters, 3)]
        strided = {1: 1 if parts.small_input else 0, 2: 0, 3: 1}[version]
    body, width, entry = [], channels, None
    if version == 2:
        entry = chain(
            parts.norm(f"{name}_bn1", channels), parts.activate(f"{name}_relu1", channels)
        )
    elif version == 3:
        body.append(parts.norm(f"{name}_bn1", channels))
    for index, (out, kernel) in enumerate(sizes):
        number = index + 1
        body.append(
            parts.conv(
                f"{name}_conv{number}", width, out, kernel, stride if index == strided else 1
            )
        )
        width, last = out, index == len(sizes) - 1
        if version == 2 and last:
            break
        body.append(parts.norm(f"{name}_bn{number + (0 if version == 1 else 1)}", out))
        if not last:
            body.append(parts.activate(f"{name}_relu{number + (1 if version == 2 else 0)}", out))
    if parts.squeeze:
        body.append(SqueezeExcite(parts, name, filters))
    shortcut = None
    if not match and version == 2:
        shortcut = parts.projection(f"{name}_sc", channels, filters, stride)
    elif not match:
        shortcut = chain(
            parts.projection(f"{name}_conv1sc", channels, filters, stride),
            parts.norm(f"{name}_sc", filters),
        )
    exit_ = parts.activate(f"{name}_relu3", filters) if version == 1 else None
    return ResidualUnit(entry, chain(*body), shortcut, exit_, project_entry=version == 2)


def resnet(
    units: Sequence[int],
    filters: Sequence[int],
    embedding: int,
    *,
    bottleneck: bool = False,
    version_se: int = 0,
    version_input: int = 1,
    version_output: str = "E",
    version_unit: int = 3,
    version_act: str = "prelu",
    bn_mom: float = 0.9,
) -> HybridBlock:
    """Build a face ResNet, as ``fresnet.resnet`` of the 2019 code does.

    (N, 3, H, W) pixels 0..255 RGB -> (N, ``embedding``). Group i of its units has ``units[i]`` of
    them, of width ``filters[i + 1]``; their names begin with ``stage``.

    Raises:
        ValueError: a version is unknown.
    """
    if version_input not in (0, 1):
        raise ValueError(f"`version_input` {version_input}: known are 0 and 1")
    if version_unit not in (1, 2, 3):
        raise ValueError(f"`version_unit` {version_unit}: known are 1, 2 and 3")
    parts = _ResNetParts(bn_mom, version_act, bool(version_se), small_input=version_input == 1)
    blocks = [Normalise(copy_name="id")]
    if version_input == 0:
        blocks.append(parts.conv("conv0", 3, filters[0], 7, 2))
    else:
        blocks.append(parts.conv("conv0", 3, filters[0], 3, 1))
    blocks += [parts.norm("bn0", filters[0]), parts.activate("relu0", filters[0])]
    if version_input == 0:
        blocks.append(Pooling(kernel=(3, 3), stride=(2, 2), pad=(1, 1), pool_type="max"))
    channels = filters[0]
    for stage, count in enumerate(units):
        width = filters[stage + 1]
        for unit in range(count):
            first = unit == 0
            stride = 2 if first and not (version_input == 0 and stage == 0) else 1
            blocks.append(
                residual_unit(
                    parts,
                    version_unit,
                    f"stage{stage + 1}_unit{unit + 1}",
                    channels,
                    width,
                    stride,
                    match=not first,
                    bottleneck=bottleneck,
                )
            )
            channels = width
    if bottleneck:
        blocks += [
            parts.conv("convd", channels, 512, 1, 1),
            parts.norm("bnd", 512),
            parts.activate("relud", 512),
        ]
        channels = 512
    head = embedding_head(version_output, channels, embedding, bn_mom, version_act)
    return Network(chain(*blocks), head)


def fresnet(layers: int, embedding: int, width: float = 1.0, **versions) -> HybridBlock:
    """Build the ResNet ``r<layers>``; ``width`` scales its widths (1: those of the lineage).

    Raises:
        ValueError: the lineage has no ResNet of that many layers.
    """
    if layers not in UNITS:
        raise ValueError(f"`network` r{layers}: known are r{', r'.join(map(str, sorted(UNITS)))}")
    bottleneck = layers >= 101
    widths = BOTTLENECK_WIDTHS if bottleneck else PLAIN_WIDTHS
    scaled = [max(4, int(round(w * width))) for w in widths]
    return resnet(UNITS[layers], scaled, embedding, bottleneck=bottleneck, **versions)
