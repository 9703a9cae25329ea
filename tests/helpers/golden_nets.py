"""What the golden networks are: how they are built and where their parameters come from."""

from __future__ import annotations

import json
import re
from pathlib import Path

import mxnet as mx
import numpy as np

from symbols import backbone
from symbols.fresnet import resnet

NARROW = dict(units=[2, 2, 2, 2], filters=[16, 16, 16, 32, 32])
TINY = dict(units=[1, 1, 1, 1], filters=[8, 8, 8, 16, 16], version_output="J")
OPTIONS = {
    "opt_se1": dict(version_se=1),
    "opt_input0": dict(version_input=0),
    "opt_unit1": dict(version_unit=1),
    "opt_unit2": dict(version_unit=2),
    "opt_unit1input0": dict(version_unit=1, version_input=0),
    "opt_actrelu": dict(version_act="relu"),
    **{f"opt_out{kind}": dict(version_output=kind) for kind in "ABCDFGHIJZ"},
}
FULL = ("y1_emb128", "r18_emb512", "r34_emb128", "r50_emb512")


def build(name: str) -> mx.gluon.HybridBlock:
    """The network of a golden file, uninitialised."""
    if name in OPTIONS:
        return resnet(embedding=32, **NARROW, **OPTIONS[name])
    network, embedding = re.match(r"(\w+?)_(?:32px_)?emb(\d+)$", name).groups()
    if "narrow" in network:
        return resnet(embedding=int(embedding), **NARROW)
    return backbone(network.replace("full", ""), int(embedding))


def recipe_parameters(folder: Path, name: str) -> dict:
    """The parameters that ``params_recipe.json`` draws for ``name``, checked by its digests."""
    entry = json.loads((folder / "params_recipe.json").read_text())[name]
    digests = {**entry["digest"], **entry["digest_aux"]}
    aux = entry.get("aux")
    if aux is None:
        symbol = mx.sym.load(str(folder / f"{name}-symbol.json"))
        aux = symbol.list_auxiliary_states()
    rng = np.random.RandomState(entry["seed"])
    made = {}
    for parameter in entry["args"]:
        if parameter in ("data", "softmax_label"):
            continue
        shape = digests[parameter][0]
        if parameter.endswith("_gamma") and "relu" in parameter:
            value = rng.uniform(0.05, 0.45, shape)
        elif parameter.endswith("_bn3_gamma"):
            value = rng.uniform(0.1, 0.3, shape)
        elif parameter.endswith("_gamma"):
            value = rng.uniform(0.6, 1.4, shape)
        elif parameter.endswith(("_beta", "_bias")):
            value = rng.normal(0, 0.1, shape)
        else:
            value = rng.normal(0, 1, shape) * np.sqrt(2.0 / np.prod(shape[1:])) * 0.7
        made[parameter] = value.astype(np.float32)
    for parameter in aux:
        shape = digests[parameter][0]
        mean = parameter.endswith("_moving_mean")
        value = rng.normal(0, 0.2, shape) if mean else rng.uniform(0.5, 1.5, shape)
        made[parameter] = value.astype(np.float32)
    for parameter, value in made.items():
        np.testing.assert_allclose(
            value.astype(np.float64).sum(), digests[parameter][1], rtol=1e-5, atol=1e-4
        )
    return made


def fill(network: mx.gluon.HybridBlock, values: dict, *inputs: mx.nd.NDArray) -> None:
    """Give ``network`` exactly these parameters; no name may be missing on either side."""
    parameters = network.collect_params()
    assert set(parameters) == set(values)
    network.initialize()
    network.infer_shape(*inputs)
    for name, parameter in parameters.items():
        parameter.set_data(mx.nd.array(values[name]))
        assert parameter.shape == values[name].shape


def graph_nodes(text: str, restart: bool = False) -> list:
    """[(operator, name, attributes, inputs)], anonymous counters starting at 0 if ``restart``.

    Several golden graphs were made in one process, where MXNet's counters ran on.
    """
    graph = json.loads(text)
    first: dict = {}
    found = []
    for node in graph["nodes"]:
        name = node["name"]
        anonymous = re.match(r"(_minusscalar|_mulscalar|_plus|dropout)(\d+)$", name)
        if restart and anonymous:
            kind, number = anonymous.group(1), int(anonymous.group(2))
            name = f"{kind}{number - first.setdefault(kind, number)}"
        inputs = [tuple(entry[:2]) for entry in node["inputs"]]
        found.append((node["op"], name, node.get("attrs", {}), inputs))
    return found + [("heads", [tuple(entry[:2]) for entry in graph["heads"]])]
