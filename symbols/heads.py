"""Embedding heads of the ResNets: the last feature map -> the embedding (``--version-output``).

A  bn1, relu1, average over the map            F  bn1, dropout, fully connected ``fc1``
B  A, then ``pre_fc1``                         G  bn1, ``fc1`` (fully connected)
C  B, then BatchNorm ``fc1``                   H  ``fc1`` (fully connected)
D  C, then activation ``fc1_relu``             I  bn1, ``pre_fc1``, BatchNorm ``fc1``
E  bn1, dropout, ``pre_fc1``, BatchNorm fc1    J  ``pre_fc1``, BatchNorm ``fc1``
                                               Z  bn1, dropout (the map itself)
"""

from __future__ import annotations

from mxnet.gluon import HybridBlock

from symbols.layers import (
    BatchNorm,
    Dropout,
    Flatten,
    FullyConnected,
    Pooling,
    activation,
    chain,
)

HEADS = "ABCDEFGHIJZ"


def embedding_head(
    kind: str, channels: int, embedding: int, momentum: float, act: str
) -> HybridBlock:
    """Build a head: a map (N, ``channels``, H, W) -> (N, ``embedding``).

    Kind A gives (N, channels), Z the map. ``momentum`` is that of batch normalisation, ``act`` the
    activation.

    Raises:
        ValueError: the kind is unknown.
    """
    if len(kind) != 1 or kind not in HEADS:
        raise ValueError(f"`version_output` {kind}: known are {', '.join(HEADS)}")
    blocks = []
    if kind not in "HJ":
        blocks.append(BatchNorm("bn1", channels, momentum))
    if kind in "ABCD":
        blocks.append(activation("relu1", channels, act))
        blocks.append(Pooling(global_pool=True, kernel=(7, 7), pool_type="avg", name="pool1"))
        blocks.append(Flatten())
    if kind in "EFZ":
        blocks.append(Dropout(0.4))
    if kind in "FGH":
        blocks.append(FullyConnected("fc1", embedding))
    if kind in "BCDEIJ":
        blocks.append(FullyConnected("pre_fc1", embedding))
    if kind in "CDEIJ":
        blocks.append(BatchNorm("fc1", embedding, momentum, fix_gamma=True))
    if kind == "D":
        blocks.append(activation("fc1_relu", embedding, act, flat=True))
    return chain(*blocks)
