"""What a training step and a forward pass cost with each exact form of PReLU.

    python benchmarks/prelu.py [--repeats 5] [--json FILE]

Each form stands between BatchNorm and a 3x3 convolution, as in the networks. ``LeakyReLU`` is
MXNet's own operator: its forward pass is exact, its slope gradient inside a network is not
(MXNet >= 1.3). Ratios are against LeakyReLU in the same run.
"""

from __future__ import annotations

import sys
from typing import Callable, Sequence

import unequal  # noqa: F401  (readies the process before mxnet is imported)

# isort: split
import mxnet as mx
from mxnet.gluon import HybridBlock
from timing import flags, keep, median_seconds

from symbols.layers import PReLU

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
    made.add(mx.gluon.nn.BatchNorm(in_channels=channels), activation,
             mx.gluon.nn.Conv2D(channels, 3, padding=1, in_channels=channels, use_bias=False))
    made.initialize()
    made.hybridize(static_alloc=True)
    return made


def median_milliseconds(work: Callable[[], None], repeats: int) -> float:
    """Median time of ``work`` on the devices, after two runs that do not count."""

    def finished() -> None:
        work()
        mx.nd.waitall()

    mx.nd.waitall()
    return 1e3 * median_seconds(finished, repeats, warm=2)


def measure(repeats: int) -> list[dict]:
    """One row per shape and form: milliseconds of a forward pass and of a training step."""
    rows = []
    for shape in SHAPES:
        x = mx.nd.random.normal(shape=shape)
        forms = {"LeakyReLU": LeakyReLU(shape[1]), "broadcast": Broadcast(shape[1]),
                 "depthwise (ours)": PReLU("prelu", shape[1])}
        for name, form in forms.items():
            net = network(form, shape[1])

            def forward(net=net, x=x):
                net(x)

            def step(net=net, x=x):
                with mx.autograd.record():
                    value = net(x)
                value.backward()

            rows.append({"shape": shape, "form": name,
                         "forward": median_milliseconds(forward, repeats),
                         "training": median_milliseconds(step, repeats)})
    return rows


def main(argv: Sequence[str] | None = None) -> int:
    options = flags("PReLU's exact forms").parse_args(argv)
    rows = measure(options.repeats)
    print(f"{'shape':<20}{'form':<20}{'forward':>12}{'training':>12}   times faster")
    for row in rows:
        base = next(other for other in rows if other["shape"] == row["shape"])
        print(f"{'x'.join(map(str, row['shape'])):<20}{row['form']:<20}{row['forward']:>9.1f} ms"
              f"{row['training']:>9.1f} ms   {base['forward'] / row['forward']:.2f} forward, "
              f"{base['training'] / row['training']:.2f} training")
    keep(rows, options.json)
    return 0


if __name__ == "__main__":
    sys.exit(main())
