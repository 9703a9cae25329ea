"""Backbones: a batch of images -> embeddings. One file per network family, lineage names."""

from __future__ import annotations

from mxnet.gluon import HybridBlock

from symbols.fmobilefacenet import fmobilefacenet
from symbols.fresnet import fresnet

__all__ = ["backbone", "parse_network", "fresnet", "fmobilefacenet"]


def parse_network(network: str) -> tuple[str, int]:
    """``'r50'`` -> ``('r', 50)``. Raises ``ValueError`` for anything that is no letter + number."""
    letter, number = network[:1], network[1:]
    if not number.isdigit() or letter not in ("r", "y"):
        raise ValueError(
            f"--network {network}: known are r18, r34, r49, r50, r74, r90, r100, "
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
    """The network that ``--network`` and the ``--version-*`` flags name.

    Input (N, 3, H, W) pixels 0..255 RGB as float32, output (N, ``embedding``).
    Raises ``ValueError`` with one line where a flag names nothing we have.
    """
    letter, layers = parse_network(network)
    if letter == "y":
        if width != 1.0:
            raise ValueError("--width: only the ResNets have it")
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
