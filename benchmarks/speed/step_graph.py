"""The graph of step 2.2 with random weights, as the scripts hybridise it."""

from __future__ import annotations

from typing import Sequence

import mxnet as mx
from mxnet.gluon import HybridBlock

from unequal.method.graphs import NoiseResistanceGraph
from unequal.method.margin import MarginClassifier
from unequal.method.noise_resistance import NoiseResistanceLoss
from unequal.training.initial_network import initial_values

CLASSES, EMBEDDING = 1000, 512


def step_graph(body: HybridBlock, batch: int, shape: Sequence[int]) -> NoiseResistanceGraph:
    """`body` maps images (batch, *`shape`) to embeddings (batch, EMBEDDING)."""
    graph = NoiseResistanceGraph(
        body, MarginClassifier(4, CLASSES, EMBEDDING), NoiseResistanceLoss(CLASSES, 0.9, (batch, 2))
    )
    graph.initialize(initial_values())
    graph.infer_shape(mx.nd.zeros((batch, *shape)), mx.nd.zeros(batch))
    graph.hybridize(static_alloc=True)
    return graph
