"""Each operator of the lineage's networks, as the ONNX nodes (opset 13) that compute the same.

A translation gets the graph that is being made, the MXNet node and the values of its inputs. It
returns the value of its output. All translations are those of inference: dropout does nothing,
BatchNorm takes its moving statistics.
"""

from __future__ import annotations

from functools import partial
from typing import Callable, Mapping, Sequence, Union

import numpy as np

from eval.export_parts.onnx_graph import Node, NotTranslated, OnnxGraph, Value

OPSET = 13
# a value that is computed, or a parameter, which becomes a constant when it is needed
Input = Union[Value, "Parameter"]


class Parameter:
    """A saved parameter, in the graph once a translation asks for it in some shape."""

    def __init__(self, name: str, array: np.ndarray) -> None:
        self.name, self.array = name, array
        self._plain: Value | None = None

    def plain(self, graph: OnnxGraph) -> Value:
        """Return the constant as it was saved, the same one to all who read it."""
        if self._plain is None:
            self._plain = graph.constant(self.name, self.array)
        return self._plain


Translation = Callable[[OnnxGraph, Node, Sequence[Input]], Value]


def value_of(graph: OnnxGraph, source: Input) -> Value:
    """Return an input as a value, whichever it is."""
    return source.plain(graph) if isinstance(source, Parameter) else source


def _array(source: Input) -> np.ndarray:
    if not isinstance(source, Parameter):
        raise NotTranslated("has a weight that is computed where only a saved one is known")
    return source.array


def _same(graph: OnnxGraph, node: Node, inputs: Sequence[Input]) -> Value:
    if node.text("mode", "training") == "always":
        raise NotTranslated("drops at random in inference, too")
    return value_of(graph, inputs[0])


def _elementwise(operator: str, graph: OnnxGraph, node: Node, inputs: Sequence[Input]) -> Value:
    values = [value_of(graph, source) for source in inputs]
    return graph.node(operator, values, node.name, max(value.rank for value in values))


def _with_scalar(operator: str, graph: OnnxGraph, node: Node, inputs: Sequence[Input]) -> Value:
    value = value_of(graph, inputs[0])
    scalar = graph.constant(f"{node.name}_scalar", np.array(node.number_of("scalar", 0)))
    return graph.node(operator, [value, scalar], node.name, value.rank)


def _convolution(graph: OnnxGraph, node: Node, inputs: Sequence[Input]) -> Value:
    node.require("layout", "None", "NCHW")
    kernel = node.sizes("kernel")
    if len(kernel) != 2:
        raise NotTranslated(f"has kernel={tuple(kernel)} where only two sides are known")
    values = [value_of(graph, source) for source in inputs]
    return graph.node(
        "Conv", values, node.name, 4, kernel_shape=kernel, strides=node.sizes("stride", 1),
        dilations=node.sizes("dilate", 1), pads=node.sizes("pad", 0) * 2,
        group=int(node.number_of("num_group", 1)),
    )  # fmt: skip


def _batch_norm(graph: OnnxGraph, node: Node, inputs: Sequence[Input]) -> Value:
    node.require("axis", "1")
    data, gamma, *rest = inputs
    data = value_of(graph, data)
    if node.flag("fix_gamma", True):
        # the saved gamma has no meaning then: it is whatever the initialiser left
        name = getattr(gamma, "name", f"{node.name}_gamma")
        scale = graph.constant(name, np.ones_like(_array(gamma)))
    else:
        scale = value_of(graph, gamma)
    values = [data, scale, *(value_of(graph, source) for source in rest)]
    return graph.node(
        "BatchNormalization", values, node.name, data.rank, epsilon=node.number_of("eps", 1e-3)
    )


def _leaky(graph: OnnxGraph, node: Node, inputs: Sequence[Input]) -> Value:
    data, kind = value_of(graph, inputs[0]), node.text("act_type", "leaky")
    if kind == "prelu":
        slope = _array(inputs[1])
        # a slope a channel: ONNX compares axes from the last one, MXNet means axis 1
        shaped = graph.constant(inputs[1].name, slope.reshape((-1,) + (1,) * (data.rank - 2)))
        return graph.node("PRelu", [data, shaped], node.name, data.rank)
    known = {"leaky": "LeakyRelu", "elu": "Elu"}
    if kind not in known:
        raise NotTranslated(f"has act_type={kind} where prelu, leaky and elu are known")
    return graph.node(known[kind], [data], node.name, data.rank,
                      alpha=node.number_of("slope", 0.25))  # fmt: skip


def _activation(graph: OnnxGraph, node: Node, inputs: Sequence[Input]) -> Value:
    known = {"relu": "Relu", "sigmoid": "Sigmoid", "tanh": "Tanh", "softrelu": "Softplus",
             "softsign": "Softsign"}  # fmt: skip
    kind = node.text("act_type", "")
    if kind not in known:
        raise NotTranslated(f"has act_type={kind} where {', '.join(known)} are known")
    return _elementwise(known[kind], graph, node, inputs)


def _pooling(graph: OnnxGraph, node: Node, inputs: Sequence[Input]) -> Value:
    node.require("layout", "None", "NCHW")
    node.require("pool_type", "max", "avg")
    data, average = value_of(graph, inputs[0]), node.text("pool_type", "max") == "avg"
    if node.flag("global_pool", False):
        operator = "GlobalAveragePool" if average else "GlobalMaxPool"
        return graph.node(operator, [data], node.name, 4)
    node.require("pooling_convention", "valid")
    sizes = dict(kernel_shape=node.sizes("kernel"), strides=node.sizes("stride", 1),
                 pads=node.sizes("pad", 0) * 2)  # fmt: skip
    if not average:
        return graph.node("MaxPool", [data], node.name, 4, **sizes)
    padding_counts = int(node.text("count_include_pad", "True").lower() not in ("false", "0"))
    return graph.node("AveragePool", [data], node.name, 4, **sizes,
                      count_include_pad=padding_counts)  # fmt: skip


def _fully_connected(graph: OnnxGraph, node: Node, inputs: Sequence[Input]) -> Value:
    data, *parameters = (value_of(graph, source) for source in inputs)
    if data.rank != 2:
        if not node.flag("flatten", True):
            raise NotTranslated(f"has flatten=False for {data.rank} axes")
        data = graph.node("Flatten", [data], f"{node.name}_flatten", 2, axis=1)
    return graph.node("Gemm", [data, *parameters], node.name, 2, transB=1)


def _flatten(graph: OnnxGraph, node: Node, inputs: Sequence[Input]) -> Value:
    return graph.node("Flatten", [value_of(graph, inputs[0])], node.name, 2, axis=1)


def _reshape(graph: OnnxGraph, node: Node, inputs: Sequence[Input]) -> Value:
    shape = node.sizes("shape")
    if node.flag("reverse", False) or not shape or min(shape) < -1:
        raise NotTranslated(f"has shape={tuple(shape)} where only 0, -1 and sizes are known")
    wanted = graph.constant(f"{node.name}_shape", np.array(shape, np.int64))
    return graph.node("Reshape", [value_of(graph, inputs[0]), wanted], node.name, len(shape))


def _concat(graph: OnnxGraph, node: Node, inputs: Sequence[Input]) -> Value:
    values = [value_of(graph, source) for source in inputs]
    axis = int(node.number_of("dim", 1))
    return graph.node("Concat", values, node.name, values[0].rank, axis=axis)


def _unit_length(graph: OnnxGraph, node: Node, inputs: Sequence[Input]) -> Value:
    node.require("mode", "instance")
    data = value_of(graph, inputs[0])
    axes = list(range(1, data.rank))
    # ONNX's own LpNormalization has no eps: a row of zeros would become NaN
    eps = graph.constant(f"{node.name}_eps", np.array(node.number_of("eps", 1e-10)))
    squares = graph.node("ReduceSumSquare", [data], f"{node.name}_squares", data.rank, axes=axes,
                         keepdims=1)  # fmt: skip
    positive = graph.node("Add", [squares, eps], f"{node.name}_positive", data.rank)
    length = graph.node("Sqrt", [positive], f"{node.name}_length", data.rank)
    return graph.node("Div", [data, length], node.name, data.rank)


TRANSLATIONS: Mapping[str, Translation] = {
    **dict.fromkeys(["_copy", "BlockGrad", "Dropout"], _same),
    "_plus_scalar": partial(_with_scalar, "Add"),
    "_minus_scalar": partial(_with_scalar, "Sub"),
    "_mul_scalar": partial(_with_scalar, "Mul"),
    "_div_scalar": partial(_with_scalar, "Div"),
    **dict.fromkeys(["elemwise_add", "broadcast_add"], partial(_elementwise, "Add")),
    **dict.fromkeys(["elemwise_sub", "broadcast_sub"], partial(_elementwise, "Sub")),
    **dict.fromkeys(["elemwise_mul", "broadcast_mul"], partial(_elementwise, "Mul")),
    **dict.fromkeys(["elemwise_div", "broadcast_div"], partial(_elementwise, "Div")),
    "add_n": partial(_elementwise, "Sum"),
    "Convolution": _convolution,
    "BatchNorm": _batch_norm,
    "LeakyReLU": _leaky,
    "Activation": _activation,
    "Pooling": _pooling,
    "FullyConnected": _fully_connected,
    "Flatten": _flatten,
    "Reshape": _reshape,
    "Concat": _concat,
    "L2Normalization": _unit_length,
}
