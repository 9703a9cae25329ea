"""The primitives that every network is built from; lineage parameter and node names live here.

A block of this package has an empty prefix and names its parameters itself (``conv0_weight``,
``fc1_moving_mean``), so a network's parameters carry the names of the 2019 checkpoints, whatever
it is nested in. Every block is traced in one of two forms, see ``symbols.lineage_2019``.
"""

from __future__ import annotations

import contextlib
from contextvars import ContextVar
from typing import Iterator

import mxnet as mx
from mxnet.gluon import HybridBlock

from symbols.lineage_2019 import Ops, Tensor, in_lineage_form, operands, variable

_device_type: ContextVar[str] = ContextVar("device_type", default="cpu")


def target_device_type() -> str:
    """Return what networks are being built for: ``'cpu'`` or ``'gpu'``, see :func:`built_for`."""
    return _device_type.get()


@contextlib.contextmanager
def built_for(device_type: str) -> Iterator[None]:
    """Make networks that are built inside compute as suits ``'cpu'`` (the default) or ``'gpu'``.

    The numbers are the same; see :class:`PReLU`.
    """
    token = _device_type.set(device_type)
    try:
        yield
    finally:
        _device_type.reset(token)


class Convolution(HybridBlock):
    """2-D convolution; parameters ``NAME_weight`` (filters, channels/groups, k, k), ``NAME_bias``.

    ``spelling`` lists the attributes that the 2019 code passed besides the kernel and the number
    of filters, exactly as it spelled them; it fixes what the exported node says.
    Input (N, channels, H, W), output (N, filters, H', W').
    """

    def __init__(self, name: str, channels: int, filters: int, kernel: int, **spelling):
        super().__init__(prefix="")
        self._node = dict(num_filter=filters, kernel=(kernel, kernel), name=name, **spelling)
        self.weight = self.params.get(
            f"{name}_weight",
            shape=(filters, channels // spelling.get("num_group", 1), kernel, kernel),
        )
        self.bias = None
        if not spelling.get("no_bias", False):
            self.bias = self.params.get(f"{name}_bias", shape=(filters,), init="zeros")

    def hybrid_forward(self, F: Ops, x: Tensor, weight: Tensor, bias: Tensor = None) -> Tensor:
        """Return the map (N, filters, H', W')."""
        parameters = (weight,) if bias is None else (weight, bias)
        return F.Convolution(*operands((x,), parameters), **self._node)


class BatchNorm(HybridBlock):
    """Batch normalisation over axis 1; parameters ``NAME_{gamma,beta,moving_mean,moving_var}``.

    ``eps=None`` leaves MXNet's own 1e-3 (as y1 does). With ``fix_gamma`` the stored gamma has no
    meaning: it is taken as 1 and never trained.
    """

    def __init__(
        self,
        name: str,
        channels: int,
        momentum: float,
        eps: float | None = 2e-5,
        fix_gamma: bool = False,
    ):
        super().__init__(prefix="")
        self._node = dict(fix_gamma=fix_gamma, momentum=momentum, name=name)
        if eps is not None:
            self._node["eps"] = eps
        shape = (channels,)
        self.gamma = self.params.get(
            f"{name}_gamma", shape=shape, init="ones", grad_req="null" if fix_gamma else "write"
        )
        self.beta = self.params.get(f"{name}_beta", shape=shape, init="zeros")
        self.moving_mean = self.params.get(
            f"{name}_moving_mean", shape=shape, init="zeros", differentiable=False
        )
        self.moving_var = self.params.get(
            f"{name}_moving_var", shape=shape, init="ones", differentiable=False
        )

    def hybrid_forward(
        self,
        F: Ops,
        x: Tensor,
        gamma: Tensor,
        beta: Tensor,
        moving_mean: Tensor,
        moving_var: Tensor,
    ) -> Tensor:
        """Return x normalised, of the same shape."""
        return F.BatchNorm(*operands((x,), (gamma, beta, moving_mean, moving_var)), **self._node)


class PReLU(HybridBlock):
    """max(x, 0) + slope * min(x, 0) with one slope a channel, parameter ``NAME_gamma`` (channels,).

    MXNet >= 1.3 lets the result of a ``LeakyReLU`` overwrite its input inside a graph. The gradient
    of the slope still needs that input, so that slopes are trained with slope x their gradient.
    Here a 1x1 depthwise convolution multiplies the negative part. That is exact, and cheaper than
    LeakyReLU, because it stays in oneDNN's layout (``benchmarks/speed/prelu.py``). Networks that
    are :func:`built_for` a GPU multiply by broadcasting, which the GPU build fuses. The
    compiled operator computes PReLU itself (``symbols.network``).
    Input (N, channels, H, W); (N, channels) with ``flat``.
    """

    def __init__(self, name: str, channels: int, flat: bool = False):
        super().__init__(prefix="")
        self._name, self._channels = name, channels
        self._ones = (1, -1) if flat else (1, -1, 1, 1)
        self._broadcast = flat or _device_type.get() == "gpu"
        self.gamma = self.params.get(
            f"{name}_gamma", shape=(channels,), init=mx.init.Constant(0.25)
        )

    def hybrid_forward(self, F: Ops, x: Tensor, gamma: Tensor) -> Tensor:
        """Return the formula of the class, of the shape of x."""
        if in_lineage_form():
            return F.LeakyReLU(x, act_type="prelu", name=self._name)
        positive = F.Activation(x, act_type="relu")
        negative = x - positive
        if self._broadcast:
            return positive + F.broadcast_mul(negative, gamma.reshape(self._ones))
        # the product is a copy: oneDNN rearranges the weight of a convolution where it lies
        kernel = gamma.reshape((-1, 1, 1, 1)) * 1.0
        return positive + F.Convolution(
            negative,
            kernel,
            kernel=(1, 1),
            no_bias=True,
            num_filter=self._channels,
            num_group=self._channels,
        )


class Activation(HybridBlock):
    """An activation without parameters: ``relu``, ``sigmoid``, ..."""

    def __init__(self, name: str, kind: str):
        super().__init__(prefix="")
        self._node = dict(act_type=kind, name=name)

    def hybrid_forward(self, F: Ops, x: Tensor) -> Tensor:
        """Return the activation of x."""
        return F.Activation(x, **self._node)


def activation(name: str, channels: int, kind: str, flat: bool = False) -> HybridBlock:
    """Return the activation of that kind: ``prelu`` or an ``act_type`` of MXNet."""
    return PReLU(name, channels, flat) if kind == "prelu" else Activation(name, kind)


class FullyConnected(HybridBlock):
    """x W' + b over the flattened input; parameters ``WEIGHT`` (units, inputs) and ``NAME_bias``.

    ``weight_name`` differs from ``NAME_weight`` in y1, where the 2019 code declared it by hand.
    Input (N, ...), output (N, units).
    """

    def __init__(self, name: str, units: int, inputs: int = 0, weight_name: str | None = None):
        super().__init__(prefix="")
        self._node = dict(num_hidden=units, name=name)
        self._weight_name, self._shape = weight_name, (units, inputs)
        self.weight = self.params.get(
            weight_name or f"{name}_weight", shape=self._shape, allow_deferred_init=True
        )
        self.bias = self.params.get(f"{name}_bias", shape=(units,), init="zeros")

    def hybrid_forward(self, F: Ops, x: Tensor, weight: Tensor, bias: Tensor) -> Tensor:
        """Return (N, units)."""
        inputs, parameters = [x], [weight, bias]
        if self._weight_name is not None:
            weight = variable(
                weight, self._weight_name, shape=self._shape, lr_mult=1.0, wd_mult=1.0
            )
            inputs, parameters = [x, weight], [bias]
        return F.FullyConnected(*operands(inputs, parameters), **self._node)


class Pooling(HybridBlock):
    """Max or average pooling; keyword arguments are MXNet's."""

    def __init__(self, **node):
        super().__init__(prefix="")
        self._node = node

    def hybrid_forward(self, F: Ops, x: Tensor) -> Tensor:
        """Return the pooled map."""
        return F.Pooling(x, **self._node)


class Flatten(HybridBlock):
    """(N, C, H, W) -> (N, C*H*W)."""

    def __init__(self):
        super().__init__(prefix="")

    def hybrid_forward(self, F: Ops, x: Tensor) -> Tensor:
        """Return (N, C*H*W)."""
        return F.Flatten(x)


class Dropout(HybridBlock):
    """Zero a share ``rate`` of the inputs in training."""

    def __init__(self, rate: float):
        super().__init__(prefix="")
        self._rate = rate

    def hybrid_forward(self, F: Ops, x: Tensor) -> Tensor:
        """Return x, in training with zeros in it."""
        return F.Dropout(x, p=self._rate)


class Normalise(HybridBlock):
    """Pixels 0..255 -> (x - 127.5) / 128; ``copy_name`` names the identity node of the ResNets."""

    def __init__(self, copy_name: str | None = None):
        super().__init__(prefix="")
        self._copy_name = copy_name

    def hybrid_forward(self, F: Ops, x: Tensor) -> Tensor:
        """Return (N, 3, H, W) of about -1..1."""
        if self._copy_name is not None:
            x = F.identity(x, name=self._copy_name)
        return (x - 127.5) * 0.0078125


def chain(*blocks: HybridBlock) -> mx.gluon.nn.HybridSequential:
    """Blocks one after the other, without a prefix of their own."""
    sequence = mx.gluon.nn.HybridSequential(prefix="")
    sequence.add(*blocks)
    return sequence
