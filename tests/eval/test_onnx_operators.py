"""Operators of the lineage's networks as ONNX, one at a time, against MXNet's own result."""

from __future__ import annotations

import mxnet as mx
import numpy as np
import pytest

from saved_checkpoints import save_checkpoint
from unequal.checkpoints.checkpoint import Checkpoint
from unequal.support.errors import InputError

onnx = pytest.importorskip("onnx")
onnxruntime = pytest.importorskip("onnxruntime")

DATA = mx.sym.var("data")
SHAPE = (3, 3, 9, 11)


def pooled(kind: str, **settings) -> mx.sym.Symbol:
    settings = dict(kernel=(3, 2), stride=(2, 3), pad=(1, 0), pool_type=kind, **settings)
    return mx.sym.Pooling(DATA, name="fc1", **settings)


def convolved(**settings) -> mx.sym.Symbol:
    settings = dict(kernel=(3, 2), num_filter=6, name="fc1", **settings)
    return mx.sym.Convolution(DATA, **settings)


def activated(kind: str) -> mx.sym.Symbol:
    return mx.sym.Activation(DATA / 64 - 2, act_type=kind, name="fc1")


def leaky(kind: str, **settings) -> mx.sym.Symbol:
    return mx.sym.LeakyReLU(DATA / 64 - 2, act_type=kind, name="fc1", **settings)


def two(operator) -> mx.sym.Symbol:
    return operator(DATA + 3.0, mx.sym.LeakyReLU(DATA - 99, name="other") + 200, name="fc1")


GRAPHS = {
    "plus scalar": lambda: mx.sym.identity(DATA + 12.5, name="fc1"),
    "minus scalar": lambda: mx.sym.identity(DATA - 12.5, name="fc1"),
    "times scalar": lambda: mx.sym.identity(DATA * 0.3, name="fc1"),
    "divided by scalar": lambda: mx.sym.identity(DATA / 0.3, name="fc1"),
    "the images themselves": lambda: mx.sym.BlockGrad(DATA, name="fc1"),
    **{op: (lambda op=op: two(getattr(mx.sym, op)))
       for op in ("elemwise_add", "elemwise_sub", "elemwise_mul", "elemwise_div")},
    "sum of three": lambda: mx.sym.add_n(DATA, DATA * 2.0, DATA - 5.0, name="fc1"),
    "broadcasting": lambda: mx.sym.broadcast_add(
        DATA, mx.sym.Pooling(DATA, global_pool=True, pool_type="max", kernel=(1, 1)), name="fc1"),
    "concat": lambda: mx.sym.Concat(DATA, DATA * 2.0, dim=1, name="fc1"),
    "dropout": lambda: mx.sym.Dropout(DATA, p=0.9, name="fc1"),
    "convolution": convolved,
    "convolution without bias": lambda: convolved(no_bias=True),
    "convolution with all settings": lambda: convolved(
        stride=(2, 1), pad=(3, 1), dilate=(1, 2), num_group=3, no_bias=True),
    "batch normalisation": lambda: mx.sym.BatchNorm(DATA, fix_gamma=False, eps=0.1, name="fc1"),
    "batch normalisation, defaults": lambda: mx.sym.BatchNorm(DATA, name="fc1"),
    "prelu of a map": lambda: leaky("prelu"),
    "prelu of rows": lambda: mx.sym.LeakyReLU(
        mx.sym.Flatten(DATA - 99), act_type="prelu", name="fc1"),
    "leaky": lambda: leaky("leaky", slope=0.1),
    "elu": lambda: leaky("elu"),
    **{kind: (lambda kind=kind: activated(kind))
       for kind in ("relu", "sigmoid", "tanh", "softrelu", "softsign")},
    "max pooling": lambda: pooled("max"),
    "average pooling": lambda: pooled("avg"),
    "average pooling without the border": lambda: pooled("avg", count_include_pad=False),
    "global average": lambda: pooled("avg", global_pool=True),
    "global maximum": lambda: pooled("max", global_pool=True),
    "fully connected": lambda: mx.sym.FullyConnected(DATA, num_hidden=7, name="fc1"),
    "fully connected twice, without bias": lambda: mx.sym.FullyConnected(
        mx.sym.FullyConnected(DATA, num_hidden=7), num_hidden=4, no_bias=True, name="fc1"),
    "fully connected, rows kept": lambda: mx.sym.FullyConnected(
        mx.sym.Flatten(DATA), num_hidden=4, flatten=False, name="fc1"),
    "flatten": lambda: mx.sym.Flatten(DATA, name="fc1"),
    "reshape": lambda: mx.sym.Reshape(DATA, shape=(0, -1), name="fc1"),
    "rows of length 1": lambda: mx.sym.L2Normalization(mx.sym.Flatten(DATA), name="fc1"),
    "maps of length 1": lambda: mx.sym.L2Normalization(DATA, mode="instance", name="fc1"),
}  # fmt: skip

NOT_KNOWN = {
    "Pooling fc1 has pool_type=sum": lambda: pooled("sum"),
    "Pooling fc1 has pooling_convention=full": lambda: pooled("max", pooling_convention="full"),
    "LeakyReLU fc1 has act_type=selu": lambda: leaky("selu"),
    "Dropout fc1 drops at random": lambda: mx.sym.Dropout(DATA, mode="always", name="fc1"),
    "FullyConnected fc1 has flatten=False for 4 axes": lambda: mx.sym.FullyConnected(
        DATA, num_hidden=4, flatten=False, name="fc1"),
    r"Reshape fc1 has shape=\(0, -3, 0\)": lambda: mx.sym.Reshape(
        DATA, shape=(0, -3, 0), name="fc1"),
    "L2Normalization fc1 has mode=channel": lambda: mx.sym.L2Normalization(
        DATA, mode="channel", name="fc1"),
    "BatchNorm fc1 has axis=3": lambda: mx.sym.BatchNorm(DATA, axis=3, name="fc1"),
    "sin fc1 is not among Activation, BatchNorm": lambda: mx.sym.sin(DATA, name="fc1"),
}  # fmt: skip


def export(symbol: mx.sym.Symbol, folder) -> tuple[str, np.ndarray]:
    """Export a graph with parameters drawn at random; the file and the images."""
    from eval.export_parts.onnx_file import export_onnx

    images = np.random.randint(0, 256, SHAPE, np.uint8)
    arguments, _, auxiliary = symbol.infer_shape(data=SHAPE)
    shapes = dict(zip(symbol.list_arguments(), arguments))
    shapes.update(zip(symbol.list_auxiliary_states(), auxiliary))
    del shapes["data"]
    values = {name: np.random.uniform(0.2, 2, shape) for name, shape in shapes.items()}
    values["fc7_weight"] = np.zeros((1, 1))  # a file without any parameter has no names
    prefix = save_checkpoint(folder / "model", symbol, values)
    export_onnx(Checkpoint(prefix, 0), str(folder / "m.onnx"), images)
    return prefix, images


@pytest.mark.parametrize("graph", GRAPHS)
def test_an_operator_computes_what_mxnet_computes(graph, tmp_path):
    prefix, images = export(GRAPHS[graph](), tmp_path)
    symbol, arguments, auxiliary = mx.model.load_checkpoint(prefix, 0)
    arguments["data"] = mx.nd.array(images, dtype="float32")
    (expected,) = symbol.bind(mx.cpu(), arguments, aux_states=auxiliary).forward(is_train=False)
    expected = expected.asnumpy().reshape(len(images), -1)
    session = onnxruntime.InferenceSession(str(tmp_path / "m.onnx"),
                                           providers=["CPUExecutionProvider"])  # fmt: skip
    for count in (1, 3):
        (found,) = session.run(None, {"data": images[:count].astype(np.float32)})
        close = 2e-6 * np.abs(expected).max()
        np.testing.assert_allclose(found, expected[:count], rtol=0, atol=close)


@pytest.mark.parametrize("told", NOT_KNOWN)
def test_what_has_no_translation_is_told(told, tmp_path):
    with pytest.raises(InputError, match=f"cannot be written as ONNX: {told}") as caught:
        export(NOT_KNOWN[told](), tmp_path)
    assert "\n" not in str(caught.value) and not (tmp_path / "m.onnx").exists()


def test_a_row_of_zeros_stays_zero_where_rows_are_scaled(tmp_path):
    symbol = mx.sym.L2Normalization(mx.sym.Flatten(DATA), name="fc1")
    export(symbol, tmp_path)
    session = onnxruntime.InferenceSession(str(tmp_path / "m.onnx"),
                                           providers=["CPUExecutionProvider"])  # fmt: skip
    (found,) = session.run(None, {"data": np.zeros(SHAPE, np.float32)})
    np.testing.assert_array_equal(found, np.zeros_like(found))


def test_nodes_and_parameters_of_one_name_are_kept_apart(tmp_path):
    weight, bias = mx.sym.var("fc1"), mx.sym.var("pre_flatten_output")
    rows = mx.sym.FullyConnected(DATA, weight, bias, num_hidden=5, name="pre")
    maps = mx.sym.Reshape(rows, shape=(0, 5, 1, 1), name="pre_flatten")
    again = mx.sym.FullyConnected(maps, num_hidden=4, name="pre")
    prefix, images = export(mx.sym.FullyConnected(again, num_hidden=2, name="fc1"), tmp_path)
    names = [node.name for node in onnx.load(str(tmp_path / "m.onnx")).graph.node]
    assert len(names) == len(set(names)) == 6


def test_a_parameter_may_be_used_twice(tmp_path):
    weight = mx.sym.var("shared_weight")
    pieces = [mx.sym.FullyConnected(DATA * s, weight, num_hidden=5, no_bias=True)
              for s in (1.0, 2.0)]  # fmt: skip
    export(mx.sym.elemwise_add(*pieces, name="fc1"), tmp_path)
