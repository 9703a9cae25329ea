"""Each operator of the lineage's networks, as the ONNX nodes (opset 13) that compute the same.

A translation gets the graph that is being made, the MXNet node and the values of its inputs. It
returns the value of its output. All translations are those of inference: dropout does nothing,
BatchNorm takes its moving statistics.
"""

from __future__ import annotations

from functools import partial
from typing import Callable, Mapping, Sequence

import numpy as np

from eval.export_parts.onnx_graph import Node, NotTranslated, OnnxGraph, Value, constant

OPSET = 13
Translation = Callable[[OnnxGraph, Node, Sequence[Value]], Value]


def _array(source: Value) -> np.ndarray:
    if source.array is None:
        raise NotTranslated("has a weight that is computed where only a saved one is known")
    return source.array


def _same(graph: OnnxGraph, node: Node, inputs: Sequence[Value]) -> Value:
    if node.text("mode", "training") == "always":
        raise NotTranslated("drops at random in inference, too")
    return inputs[0]


def _elementwise(operator: str, graph: OnnxGraph, node: Node, inputs: Sequence[Value]) -> Value:
    return graph.node(operator, inputs, node.name, max(value.rank for value in inputs))


def _with_scalar(operator: str, graph: OnnxGraph, node: Node, inputs: Sequence[Value]) -> Value:
    scalar = constant(f"{node.name}_scalar", np.array(node.number("scalar", 0)))
    return graph.node(operator, [inputs[0], scalar], node.name, inputs[0].rank)


def _convolution(graph: OnnxGraph, node: Node, inputs: Sequence[Value]) -> Value:
    node.require("layout", "None", "NCHW")
    kernel = node.sizes("kernel")
    if len(kernel) != 2:
        raise NotTranslated(f"has kernel={tuple(kernel)} where only two sides are known")
    return graph.node(
        "Conv", inputs, node.name, 4, kernel_shape=kernel, strides=node.sizes("stride", 1),
        dilations=node.sizes("dilate", 1), pads=node.sizes("pad", 0) * 2,
        group=int(node.number("num_group", 1)),
    )  # fmt: skip


def _batch_norm(graph: OnnxGraph, node: Node, inputs: Sequence[Value]) -> Value:
    node.require("axis", "1")
    data, gamma, *rest = inputs
    if node.flag("fix_gamma", True):
        # the saved gamma has no meaning then: it is whatever the initialiser left
        gamma = constant(gamma.name, np.ones_like(_array(gamma)))
    return graph.node(
        "BatchNormalization",
        [data, gamma, *rest],
        node.name,
        data.rank,
        epsilon=node.number("eps", 1e-3),
    )


def _leaky(graph: OnnxGraph, node: Node, inputs: Sequence[Value]) -> Value:
    data, kind = inputs[0], node.text("act_type", "leaky")
    if kind == "prelu":
        slope = _array(inputs[1])
        # a slope a channel: ONNX compares axes from the last one, MXNet means axis 1
        shaped = constant(inputs[1].name, slope.reshape((-1,) + (1,) * (data.rank - 2)))
        return graph.node("PRelu", [data, shaped], node.name, data.rank)
    known = {"leaky": "LeakyRelu", "elu": "Elu"}
    if kind not in known:
        raise NotTranslated(f"has act_type={kind} where prelu, leaky and elu are known")
    return graph.node(known[kind], [data], node.name, data.rank,
                      alpha=node.number("slope", 0.25))  # fmt: skip


def _activation(graph: OnnxGraph, node: Node, inputs: Sequence[Value]) -> Value:
    known = {"relu": "Relu", "sigmoid": "Sigmoid", "tanh": "Tanh", "softrelu": "Softplus",
             "softsign": "Softsign"}  # fmt: skip
    kind = node.text("act_type", "")
    if kind not in known:
        raise NotTranslated(f"has act_type={kind} where {', '.join(known)} are known")
    return _elementwise(known[kind], graph, node, inputs)


def _pooling(graph: OnnxGraph, node: Node, inputs: Sequence[Value]) -> Value:
    node.require("layout", "None", "NCHW")
    node.require("pool_type", "max", "avg")
    data, average = inputs[0], node.text("pool_type", "max") == "avg"
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


def _fully_connected(graph: OnnxGraph, node: Node, inputs: Sequence[Value]) -> Value:
    data, *parameters = inputs
    if data.rank != 2:
        if not node.flag("flatten", True):
            raise NotTranslated(f"has flatten=False for {data.rank} axes")
        data = graph.node("Flatten", [data], f"{node.name}_flatten", 2, axis=1)
    return graph.node("Gemm", [data, *parameters], node.name, 2, transB=1)


def _flatten(graph: OnnxGraph, node: Node, inputs: Sequence[Value]) -> Value:
    return graph.node("Flatten", [inputs[0]], node.name, 2, axis=1)


def _reshape(graph: OnnxGraph, node: Node, inputs: Sequence[Value]) -> Value:
    shape = node.sizes("shape")
    if node.flag("reverse", False) or not shape or min(shape) < -1:
        raise NotTranslated(f"has shape={tuple(shape)} where only 0, -1 and sizes are known")
    wanted = constant(f"{node.name}_shape", np.array(shape, np.int64))
    return graph.node("Reshape", [inputs[0], wanted], node.name, len(shape))


def _concat(graph: OnnxGraph, node: Node, inputs: Sequence[Value]) -> Value:
    axis = int(node.number("dim", 1))
    return graph.node("Concat", inputs, node.name, inputs[0].rank, axis=axis)


def _unit_length(graph: OnnxGraph, node: Node, inputs: Sequence[Value]) -> Value:
    node.require("mode", "instance")
    data = inputs[0]
    axes = list(range(1, data.rank))
    # ONNX's own LpNormalization has no eps: a row of zeros would become NaN
    eps = constant(f"{node.name}_eps", np.array(node.number("eps", 1e-10)))
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
