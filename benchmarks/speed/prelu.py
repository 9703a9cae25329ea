"""What a training step and a forward pass cost with each exact form of PReLU.

    python benchmarks/speed/prelu.py [--repeats 5] [--json FILE]

What networks do without the compiled operator. Each form stands between BatchNorm and a 3x3
convolution, as in the networks. Ours is the depthwise one; ``LeakyReLU`` is MXNet's own operator:
its forward pass is exact, its slope gradient inside a network is not (MXNet >= 1.3).
"""

from __future__ import annotations

import sys
from functools import partial
from typing import Sequence

import unequal  # noqa: F401  (readies the process before mxnet is imported)

# isort: split
import mxnet as mx
from mxnet.gluon import HybridBlock

from comparison import Comparison, finish
from symbols.layers import PReLU
from timing import flags, in_turns

OURS = "depthwise"
SHAPES = ((32, 64, 56, 56), (32, 128, 28, 28), (32, 256, 14, 14))


class LeakyReLU(HybridBlock):
    """MXNet's operator."""

    def __init__(self, channels: int):
        super().__init__(prefix="")
        self.gamma = self.params.get("gamma", shape=(channels,), init=mx.init.Constant(0.25))

    def hybrid_forward(self, F, x, gamma):
        return F.LeakyReLU(x, gamma, act_type="prelu")


class Broadcast(LeakyReLU):
    """max(x, 0) + slope * min(x, 0), the product by broadcasting."""

    def hybrid_forward(self, F, x, gamma):
        return F.relu(x) + F.broadcast_mul(F.minimum(x, 0), gamma.reshape((1, -1, 1, 1)))


def network(activation: HybridBlock, channels: int) -> HybridBlock:
    """BatchNorm, the activation, a 3x3 convolution."""
    made = mx.gluon.nn.HybridSequential()
    made.add(
        mx.gluon.nn.BatchNorm(in_channels=channels),
        activation,
        mx.gluon.nn.Conv2D(channels, 3, padding=1, in_channels=channels, use_bias=False),
    )
    made.initialize()
    made.hybridize(static_alloc=True)
    return made


def forward(net: HybridBlock, x: mx.nd.NDArray) -> None:
    """Run a forward pass and wait for it."""
    net(x)
    mx.nd.waitall()


def step(net: HybridBlock, x: mx.nd.NDArray) -> None:
    """Forward and backward of a sum, and the wait for both."""
    with mx.autograd.record():
        value = net(x)
    value.backward()
    mx.nd.waitall()


def measure(shape: tuple, repeats: int) -> list[Comparison]:
    """Rows of one shape: ours beside the other forms, forward and training."""
    x = mx.nd.random.normal(shape=shape)
    forms = {
        OURS: PReLU("prelu", shape[1]),
        "LeakyReLU": LeakyReLU(shape[1]),
        "broadcast": Broadcast(shape[1]),
    }
    networks = {name: network(form, shape[1]) for name, form in forms.items()}
    rows = []
    for kind, work in (("forward", forward), ("training", step)):
        works = {name: partial(work, net, x) for name, net in networks.items()}
        found = in_turns(works, repeats, warm=2)
        times = {name: [1e3 * one for one in seconds] for name, seconds in found.items()}
        rows += [
            Comparison(
                f"PReLU {kind}, {'x'.join(map(str, shape))}", "ms", name, times[OURS], times[name]
            )
            for name in forms
            if name != OURS
        ]
    return rows


def main(argv: Sequence[str] | None = None) -> int:
    options = flags("PReLU's exact forms").parse_args(argv)
    finish([row for shape in SHAPES for row in measure(shape, options.repeats)], options.json)
    return 0


if __name__ == "__main__":
    sys.exit(main())
