"""Backbones: a batch of images -> embeddings. One file per network family, lineage names."""

from __future__ import annotations

from mxnet.gluon import HybridBlock

from symbols.fmobilefacenet import fmobilefacenet
from symbols.fresnet import fresnet

__all__ = ["backbone", "parse_network", "fresnet", "fmobilefacenet"]


def parse_network(network: str) -> tuple[str, int]:
    """Return the letter and the number of a network: ``'r50'`` -> ``('r', 50)``.

    Raises:
        ValueError: the name is not one of a letter that we have and a number.
    """
    letter, number = network[:1], network[1:]
    if not number.isdigit() or letter not in ("r", "y"):
        raise ValueError(
            f"`network` {network}: known are r18, r34, r49, r50, r74, r90, r100, "
            "r101, r152, r200, r269 and y1"
        )
    return letter, int(number)


def backbone(
    network: str,
    embedding: int,
    *,
    width: float = 1.0,
    version_se: int = 0,
    version_input: int = 1,
    version_output: str = "E",
    version_unit: int = 3,
    version_act: str = "prelu",
    bn_mom: float = 0.9,
) -> HybridBlock:
    """Build a network: (N, 3, H, W) pixels 0..255 RGB as float32 -> (N, ``embedding``).

    Args:
        network: letter and number, r50 or y1.
        embedding: length of an embedding.
        width: scales the widths of a ResNet.
        version_se: 1 adds squeeze-and-excite gates to the units (ResNets).
        version_input: 0 is a 7x7 convolution and pooling, for large images; 1 a 3x3 one (ResNets).
        version_output: the embedding head, see ``symbols.heads`` (ResNets).
        version_unit: the residual unit, see ``symbols.fresnet`` (ResNets).
        version_act: ``prelu`` or an ``act_type`` of MXNet.
        bn_mom: momentum of batch normalisation.

    Raises:
        ValueError: one line about a value that names nothing we have.
    """
    letter, layers = parse_network(network)
    if letter == "y":
        if width != 1.0:
            raise ValueError("`width`: only the ResNets have it")
        return fmobilefacenet(layers, embedding, bn_mom=bn_mom, version_act=version_act)
    return fresnet(
        layers,
        embedding,
        width,
        version_se=version_se,
        version_input=version_input,
        version_output=version_output,
        version_unit=version_unit,
        version_act=version_act,
        bn_mom=bn_mom,
    )
