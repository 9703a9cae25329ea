"""A saved graph computes the same with the compiled operator in it, whatever graph it is."""

from __future__ import annotations

import json

import mxnet as mx
import numpy as np
import pytest

from golden_nets import NARROW
from operator_nets import distance, drawn, faces, needs_operator
from symbols import backbone
from symbols.compiled.program import read_program
from symbols.compiled.rewrite import with_compiled_operator
from symbols.fresnet import resnet
from symbols.lineage_2019 import lineage_symbol
from unequal.checkpoints.checkpoint import Checkpoint
from unequal.checkpoints.embedder import load_embedder
from unequal.support.errors import InputError

pytestmark = needs_operator

MOST = 1e-5
OPERATOR = "unequal_network"
VERSIONS = [
    dict(version_se=1),
    dict(version_input=0),
    dict(version_unit=1),
    dict(version_unit=2),
    dict(version_unit=1, version_input=0),
    dict(version_act="relu"),
    dict(bottleneck=True),
    *(dict(version_output=kind) for kind in "ABCDEFGHIJZ"),
]


def values_of(symbol: mx.sym.Symbol, shape: tuple, seed: int = 3) -> dict:
    """Random parameters and moving averages of a graph for data of a shape."""
    rng = np.random.RandomState(seed)
    arguments, _, averages = symbol.infer_shape(data=shape)
    values = {}
    for name, size in zip(symbol.list_arguments(), arguments):
        if name != "data":
            scale = 1.0 / np.sqrt(np.prod(size[1:]))
            values[name] = (
                rng.uniform(0.5, 1.5, size)
                if name.endswith("gamma")
                else rng.normal(0, scale, size)
            )
    for name, size in zip(symbol.list_auxiliary_states(), averages):
        values[name] = rng.uniform(0.5, 1.5, size)
    return {name: mx.nd.array(value) for name, value in values.items()}


def compute(symbol: mx.sym.Symbol, values: dict, data: np.ndarray) -> np.ndarray:
    block = mx.gluon.SymbolBlock(symbol, [mx.sym.var("data", dtype="float32")])
    for name, parameter in block.collect_params().items():
        parameter.shape = values[name].shape
        parameter.initialize()
        parameter.set_data(values[name])
    block.hybridize(static_alloc=True)
    block(mx.nd.array(data)).wait_to_read()
    return block(mx.nd.array(data)).asnumpy()


def names(symbol: mx.sym.Symbol) -> tuple[set, set]:
    return set(symbol.list_arguments()), set(symbol.list_auxiliary_states())


def assert_same(symbol, values, data, compiled=True):
    before = symbol.tojson()
    changed = with_compiled_operator(symbol)
    assert symbol.tojson() == before
    assert (OPERATOR in changed.tojson()) == compiled
    assert names(changed) == names(symbol)
    assert distance(compute(changed, values, data), compute(symbol, values, data)) <= MOST
    return changed


@pytest.mark.parametrize("versions", VERSIONS, ids=str)
def test_every_version_of_the_resnets(versions):
    network = drawn(resnet(embedding=8, **{**NARROW, "units": [1, 2, 1, 1], **versions}))
    values = {name: parameter.data() for name, parameter in network.collect_params().items()}
    # squeeze-and-excite needs an average over each map before anything comes of it
    assert_same(
        lineage_symbol(network, "data"), values, faces(2), compiled="version_se" not in versions
    )


@pytest.mark.slow
def test_y1():
    network = backbone("y1", 8)
    network.initialize(mx.init.Xavier())
    data = np.random.RandomState(0).uniform(0, 255, (1, 3, 112, 112)).astype(np.float32)
    network(mx.nd.array(data))
    values = {name: parameter.data() for name, parameter in network.collect_params().items()}
    changed = assert_same(lineage_symbol(network, "data"), values, data)
    assert "Convolution" not in changed.tojson()


def conv(x, name, **attributes):
    attributes = {"num_filter": 16, "kernel": (3, 3), "pad": (1, 1), "no_bias": True, **attributes}
    return mx.sym.Convolution(x, name=name, **attributes)


def norm(x, name, **attributes):
    return mx.sym.BatchNorm(x, name=name, **{"fix_gamma": False, **attributes})


def prelu(x, name):
    return mx.sym.LeakyReLU(x, act_type="prelu", name=name)


def relu(x):
    return mx.sym.Activation(x, act_type="relu")


def start():
    data = mx.sym.var("data")
    return prelu(norm(conv((data - 127.5) * 0.0078125, "conv0"), "bn0"), "relu0")


def _tied(x):
    weight = mx.sym.var("tied_weight", shape=(16, 16, 3, 3))
    return conv(relu(norm(conv(x, "first", weight=weight), "bn1")), "second", weight=weight)


def _two_readers(x):
    normed = norm(conv(x, "conv1"), "bn1")
    return relu(normed) + normed


def _both_kinds(x):
    left = norm(conv(x, "conv1"), "bn1")
    right = norm(conv(x, "conv2"), "bn2")
    return prelu(norm(left + right, "bn3"), "relu3") + x


def _kept_shortcuts(x):
    y = norm(conv(x, "conv1"), "bn1") + x
    z = norm(conv(y, "conv2"), "bn2") + x
    return norm(conv(z, "conv3"), "bn3") + y + z


# graphs made of `start()`; whether a part of each is compiled
FOREIGN = {
    "convolution with bias": (lambda: conv(start(), "conv1", no_bias=False), True),
    "dilation": (lambda: conv(start(), "conv1", dilate=(2, 2)), True),
    "kernel that is not square": (lambda: conv(start(), "c", kernel=(3, 1), pad=(1, 0)), True),
    "stride that is not square": (lambda: conv(start(), "conv1", stride=(2, 1)), True),
    "pooling": (
        lambda: mx.sym.Pooling(start(), kernel=(2, 2), stride=(2, 2), pool_type="max"),
        True,
    ),
    "global statistics": (lambda: norm(start(), "bn1", use_global_stats=True), True),
    "activation after an addition": (lambda: relu(start() + start()), False),
    "activation without a normalisation": (lambda: prelu(conv(start(), "c"), "r"), True),
    "another activation": (lambda: mx.sym.LeakyReLU(start(), act_type="leaky", slope=0.1), True),
    "branches that meet in a concatenation": (
        lambda: (lambda x: mx.sym.Concat(conv(x, "a"), conv(x, "b"), dim=1))(start()),
        False,
    ),
    "a branch with a pooling": (
        lambda: (lambda x: x + mx.sym.Pooling(x, kernel=(3, 3), pad=(1, 1), pool_type="avg"))(
            start()
        ),
        True,
    ),
    "the data read by two branches": (
        lambda: conv(mx.sym.var("data") * 0.1, "a") + conv(mx.sym.var("data"), "b"),
        False,
    ),
    "a register added to itself": (lambda: (lambda x: norm(x + x, "bn1"))(start()), True),
    "a normalisation read twice": (lambda: _two_readers(start()), True),
    "normalisation of a sum": (lambda: _both_kinds(start()), True),
    "shortcuts read long after": (lambda: _kept_shortcuts(start()), True),
    "a weight used twice": (lambda: _tied(start()), True),
    "a weight that is computed": (
        lambda: conv(start(), "c", weight=mx.sym.var("w", shape=(16, 16, 3, 3)) * 2),
        True,
    ),
    "normalisation of the data": (lambda: conv(norm(mx.sym.var("data"), "bn"), "c"), False),
    "fixed gamma": (lambda: norm(conv(start(), "conv1"), "bn1", fix_gamma=True), True),
    "another axis": (lambda: norm(start(), "bn1", axis=3), True),
    "nothing to compile": (lambda: mx.sym.FullyConnected(mx.sym.var("data"), num_hidden=3), False),
}


@pytest.mark.parametrize("name", FOREIGN)
def test_foreign_graphs(name):
    make, compiled = FOREIGN[name]
    symbol = make()
    data = faces(2)[:, :, :12, :10].copy()
    values = values_of(symbol, data.shape)
    changed = with_compiled_operator(symbol)
    if compiled:
        assert OPERATOR in changed.tojson()
    assert names(changed) == names(symbol)
    assert distance(compute(changed, values, data), compute(symbol, values, data)) <= MOST


@pytest.mark.parametrize("channels", [3, 8, 16, 32])
def test_data_of_many_channels(channels):
    data = mx.sym.var("data")
    for scaled in (data, data * 0.5 + 1):
        symbol = norm(conv(scaled, "conv0", num_filter=channels), "bn0") + scaled
        shape = (2, channels, 6, 5)
        values = values_of(symbol, shape)
        pixels = np.random.RandomState(0).normal(size=shape).astype(np.float32)
        assert_same(symbol, values, pixels)


def test_several_outputs():
    x = start()
    symbol = mx.sym.Group([x, conv(x, "conv1")])
    assert OPERATOR not in with_compiled_operator(mx.sym.Group([x, start()])).tojson()
    changed = with_compiled_operator(symbol)
    data = faces(2)
    values = values_of(symbol, data.shape)
    for index in range(2):
        assert (
            distance(compute(changed[index], values, data), compute(symbol[index], values, data))
            <= MOST
        )


@pytest.mark.parametrize("key", ["attrs", "attr", "param"])
def test_old_spellings(key):
    """As MXNet 0.8 to 1.0 wrote symbol files."""
    nodes = [
        ["null", "data", {}, []],
        ["_minus_scalar", "a", {"scalar": "127.5"}, [0]],
        ["_mul_scalar", "b", {"scalar": "0.0078125"}, [1]],
        ["null", "conv_weight", {}, []],
        [
            "Convolution",
            "conv",
            dict(
                kernel="(3,3)",
                num_filter="16",
                pad="(1,1)",
                stride="(2,2)",
                no_bias="True",
                num_group="1",
            ),
            [2, 3],
        ],
        *(
            ["null", f"bn_{name}", {}, []]
            for name in ("gamma", "beta", "moving_mean", "moving_var")
        ),
        ["BatchNorm", "bn", dict(eps="2e-05", fix_gamma="False", momentum="0.9"), [4, 5, 6, 7, 8]],
        ["null", "relu_gamma", {}, []],
        ["LeakyReLU", "relu", dict(act_type="prelu", slope="0.25"), [9, 10]],
        ["null", "conv2_weight", {}, []],
        ["Convolution", "conv2", dict(kernel="(1,1)", num_filter="16", no_bias="True"), [11, 12]],
        ["_Plus" if key != "attrs" else "elemwise_add", "sum", {}, [13, 11]],
    ]
    graph = dict(
        nodes=[
            {"op": op, "name": name, key: attributes, "inputs": [[entry, 0] for entry in inputs]}
            for op, name, attributes, inputs in nodes
        ],
        arg_nodes=[number for number, node in enumerate(nodes) if node[0] == "null"],
        heads=[[len(nodes) - 1, 0]],
    )
    symbol = mx.sym.load_json(json.dumps(graph))
    data = faces(2)
    changed = assert_same(symbol, values_of(symbol, data.shape), data)
    assert "Convolution" not in changed.tojson()


def test_a_model_of_the_lineage(shared):
    """Written by MXNet 1.0."""
    prefix = str(shared / "real" / "y1" / "model")
    symbol = mx.sym.load(f"{prefix}-symbol.json").get_internals()["fc1_output"]
    values = {
        key.split(":", 1)[1]: value for key, value in mx.nd.load(f"{prefix}-0000.params").items()
    }
    data = np.random.RandomState(0).uniform(0, 255, (2, 3, 112, 112)).astype(np.float32)
    changed = assert_same(symbol, values, data)
    assert "Convolution" not in changed.tojson()


def saved(folder, **wrong) -> str:
    network = drawn(resnet(embedding=8, **NARROW))
    arguments = {name: parameter.data() for name, parameter in network.collect_params().items()}
    arguments.update({name: mx.nd.ones(shape) for name, shape in wrong.items()})
    symbol = lineage_symbol(network, "data")
    averages = set(symbol.list_auxiliary_states())
    prefix = str(folder / "model")
    mx.model.save_checkpoint(
        prefix,
        0,
        symbol,
        {k: v for k, v in arguments.items() if k not in averages},
        {k: v for k, v in arguments.items() if k in averages},
    )
    return prefix


@pytest.mark.parametrize(
    "wrong",
    [
        dict(conv0_weight=(8, 3, 3, 3)),
        dict(stage1_unit1_bn1_gamma=(4,)),
        dict(stage2_unit1_relu1_gamma=(1,)),
        dict(bn0_moving_var=(15,)),
        dict(stage1_unit1_conv1_weight=(16, 16, 1, 1)),
    ],
    ids=lambda wrong: next(iter(wrong)),
)
def test_weights_of_other_shapes_are_refused(wrong, tmp_path):
    """They would be read beyond their end."""
    embed = load_embedder(Checkpoint(saved(tmp_path, **wrong), 0))
    with pytest.raises(InputError, match="Shape inconsistent"):
        embed(np.zeros((1, 3, 32, 32), np.uint8))


def test_images_of_another_size_are_refused(tmp_path):
    embed = load_embedder(Checkpoint(saved(tmp_path), 0))
    embed(np.zeros((1, 3, 32, 32), np.uint8))
    with pytest.raises(InputError, match="48x48"):
        embed(np.zeros((1, 3, 48, 48), np.uint8))


@pytest.mark.parametrize("spelling", ["True", "true", "1"])
def test_every_spelling_of_true_that_mxnet_reads_fixes_gamma(spelling):
    data = mx.sym.var("data")
    map_ = mx.sym.Convolution(data, kernel=(3, 3), num_filter=8, no_bias=True, name="conv")
    symbol = mx.sym.BatchNorm(map_, fix_gamma=spelling, name="bn")
    program = read_program(symbol)
    assert program.all and program.text.endswith(" 1")


def test_sizes_that_python_2_wrote_as_long_integers_are_read():
    symbol = mx.sym.Convolution(
        mx.sym.var("data"),
        kernel="(3L, 3L)",
        stride="(2L, 2L)",
        num_filter=8,
        no_bias=True,
        name="conv",
    )
    assert read_program(symbol).text == "convolution 0 2 8 3 2 0 1"
