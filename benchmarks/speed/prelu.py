"""What a training step and a forward pass cost with each exact form of PReLU.

    python benchmarks/speed/prelu.py [--repeats 5] [--json FILE]

What networks do without the compiled operator. Each form stands between BatchNorm and a 3x3
convolution, as in the networks. Ours is the depthwise one; ``LeakyReLU`` is MXNet's own operator:
its forward pass is exact, its slope gradient inside a network is not (MXNet >= 1.3).
"""

from __future__ import annotations

from functools import partial
from typing import Iterator

import unequal  # noqa: F401  (readies the process before mxnet is imported)

# isort: split
import mxnet as mx
from mxnet.gluon import HybridBlock

from comparison import Comparison, run
from symbols.layers import PReLU
from turns import seconds_in_turns

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


def step(kind: str, net: HybridBlock, x: mx.nd.NDArray) -> None:
    """Forward, in training also backward of a sum, and the wait for both."""
    if kind == "forward":
        net(x)
    else:
        with mx.autograd.record():
            value = net(x)
        value.backward()
    mx.nd.waitall()


def measure(repeats: int = 5) -> Iterator[Comparison]:
    """Rows of each shape: ours beside the other forms, forward and training."""
    for shape in SHAPES:
        x = mx.nd.random.normal(shape=shape)
        channels = shape[1]
        forms = {
            OURS: PReLU("prelu", channels),
            "LeakyReLU": LeakyReLU(channels),
            "broadcast": Broadcast(channels),
        }
        networks = {name: network(form, channels) for name, form in forms.items()}
        for kind in ("forward", "training"):
            works = {name: partial(step, kind, net, x) for name, net in networks.items()}
            found = seconds_in_turns(works, repeats, warm=2, each=1e-3)
            ours = found.pop(OURS)
            for name, other in found.items():
                what = f"PReLU {kind}, {'x'.join(map(str, shape))}"
                yield Comparison(what, "ms", name, ours, other)


if __name__ == "__main__":
    run(measure)
