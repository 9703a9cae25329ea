"""The primitives that every network is built from; lineage parameter and node names live here.

A block of this package has an empty prefix and names its parameters itself (``conv0_weight``,
``fc1_moving_mean``), so a network's parameters carry the names of the 2019 checkpoints whatever
it is nested in. Every block is traced in one of two forms:

* the *computing* form, which Gluon traces when a network runs, hybridised or not;
* the *lineage* form, which :func:`lineage_symbol` traces for ``prefix-symbol.json``: the same
  function written with the operators, node names and attributes of the 2019 graph.

They differ where MXNet computes 2019's operators wrongly (PReLU, whose slope MXNet >= 1.3 trains
wrongly when it is written as ``LeakyReLU``: :class:`PReLU`; the margin at cos = +-1:
:func:`inside_unit`) or at a needless price: the margin and the losses, which 2019 computes by
one-hot rows (``unequal.losses``), and the whole convolutional part, which on the CPU is one
operator (``symbols.network``).
"""

from __future__ import annotations

import contextlib
from contextvars import ContextVar
from typing import Iterator, Sequence

import mxnet as mx
from mxnet.gluon import HybridBlock

_lineage_form: ContextVar[bool] = ContextVar("lineage_form", default=False)
_device_type: ContextVar[str] = ContextVar("device_type", default="cpu")


@contextlib.contextmanager
def _lineage() -> Iterator[None]:
    token = _lineage_form.set(True)
    try:
        with mx.name.NameManager():
            yield
    finally:
        _lineage_form.reset(token)


def lineage_symbol(network: HybridBlock, *inputs: str) -> mx.sym.Symbol:
    """Trace ``network`` into the graph that the 2019 code would have saved for it.

    Parameters
    ----------
    network : HybridBlock
        Built from the blocks of this package and of ``unequal.losses``.
    inputs : str
        Names of the graph's inputs, in the order of the network's arguments
        (``'data'``, ``'softmax_label'``).

    Returns
    -------
    Symbol
        One symbol; a group when the network has several outputs.
    """
    with _lineage():
        outputs = network(*[mx.sym.var(name) for name in inputs])
    return outputs if isinstance(outputs, mx.sym.Symbol) else mx.sym.Group(list(outputs))


def in_lineage_form() -> bool:
    """Whether a lineage graph is being traced now; else a block computes."""
    return _lineage_form.get()


def target_device_type() -> str:
    """What networks are being built for: ``'cpu'`` or ``'gpu'``, see :func:`built_for`."""
    return _device_type.get()


@contextlib.contextmanager
def built_for(device_type: str) -> Iterator[None]:
    """Networks built inside compute in the form that suits ``'cpu'`` (the default) or ``'gpu'``.

    The numbers are the same; see :class:`PReLU`.
    """
    token = _device_type.set(device_type)
    try:
        yield
    finally:
        _device_type.reset(token)


def operands(F, inputs: Sequence, parameters: Sequence) -> tuple:
    """Arguments of an operator: in the lineage form it makes its own variables.

    Variables that an operator makes carry its attributes and initialiser, as in the 2019 graph.
    """
    return tuple(inputs) if _lineage_form.get() else (*inputs, *parameters)


def variable(F, parameter, name: str, **attributes):
    """A parameter that the 2019 code declared by hand: in the lineage form with its attributes."""
    return mx.sym.var(name, **attributes) if _lineage_form.get() else parameter


def inside_unit(F, cosine, margin: float = 1e-6):
    """Keep cosines within +-(1 - ``margin``), where sqrt(1 - cos^2) and arccos can be derived.

    float32 rounding takes cosines to 1 and beyond; the 2019 graph then yields NaN. Beyond the
    bound the derivative is 0, the mean of the derivatives on both sides of the tip.
    """
    return cosine if _lineage_form.get() else F.clip(cosine, -1.0 + margin, 1.0 - margin)


def as_written_2019(value: float) -> float:
    """``value`` with the 12 digits that Python 2 wrote into symbol files."""
    return float(f"{value:.12g}")


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

    def hybrid_forward(self, F, x, weight, bias=None):
        parameters = (weight,) if bias is None else (weight, bias)
        return F.Convolution(*operands(F, (x,), parameters), **self._node)


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

    def hybrid_forward(self, F, x, gamma, beta, moving_mean, moving_var):
        return F.BatchNorm(*operands(F, (x,), (gamma, beta, moving_mean, moving_var)), **self._node)


class PReLU(HybridBlock):
    """max(x, 0) + slope * min(x, 0) with one slope a channel, parameter ``NAME_gamma`` (channels,).

    As ``LeakyReLU`` inside a graph, MXNet >= 1.3 lets the result overwrite the input, which the
    slope's gradient still needs, and trains slopes with slope x their gradient. Here the negative
    part is multiplied by a 1x1 depthwise convolution: exact, and in oneDNN's layout like its
    neighbours, cheaper than LeakyReLU as well (``benchmarks/speed/prelu.py``). Networks
    :func:`built_for` a GPU multiply by broadcasting, which the GPU build fuses. Where the compiled
    operator computes a network's features (``symbols.network``), PReLU is a part of it.
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

    def hybrid_forward(self, F, x, gamma):
        if _lineage_form.get():
            return F.LeakyReLU(x, act_type="prelu", name=self._name)
        positive = F.Activation(x, act_type="relu")
        negative = x - positive
        if self._broadcast:
            return positive + F.broadcast_mul(negative, gamma.reshape(self._ones))
        # multiplied, hence copied: oneDNN rearranges a convolution's weight where it lies
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

    def hybrid_forward(self, F, x):
        return F.Activation(x, **self._node)


def activation(name: str, channels: int, kind: str, flat: bool = False) -> HybridBlock:
    """The activation that ``--version-act`` names: ``prelu`` or an ``act_type`` of MXNet."""
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

    def hybrid_forward(self, F, x, weight, bias):
        inputs, parameters = (x,), (weight, bias)
        if self._weight_name is not None:
            weight = variable(
                F, weight, self._weight_name, shape=self._shape, lr_mult=1.0, wd_mult=1.0
            )
            inputs, parameters = (x, weight), (bias,)
        return F.FullyConnected(*operands(F, inputs, parameters), **self._node)


class Pooling(HybridBlock):
    """Max or average pooling; keyword arguments are MXNet's."""

    def __init__(self, **node):
        super().__init__(prefix="")
        self._node = node

    def hybrid_forward(self, F, x):
        return F.Pooling(x, **self._node)


class Flatten(HybridBlock):
    """(N, C, H, W) -> (N, C*H*W)."""

    def __init__(self):
        super().__init__(prefix="")

    def hybrid_forward(self, F, x):
        return F.Flatten(x)


class Dropout(HybridBlock):
    """Zero a share ``rate`` of the inputs in training."""

    def __init__(self, rate: float):
        super().__init__(prefix="")
        self._rate = rate

    def hybrid_forward(self, F, x):
        return F.Dropout(x, p=self._rate)


class Normalise(HybridBlock):
    """Pixels 0..255 -> (x - 127.5) / 128; ``copy_name`` names the identity node of the ResNets."""

    def __init__(self, copy_name: str | None = None):
        super().__init__(prefix="")
        self._copy_name = copy_name

    def hybrid_forward(self, F, x):
        if self._copy_name is not None:
            x = F.identity(x, name=self._copy_name)
        return (x - 127.5) * 0.0078125


def chain(*blocks: HybridBlock) -> mx.gluon.nn.HybridSequential:
    """Blocks one after the other, without a prefix of their own."""
    sequence = mx.gluon.nn.HybridSequential(prefix="")
    sequence.add(*blocks)
    return sequence
