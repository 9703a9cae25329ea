"""The networks compute the 2019 embeddings from the 2019 parameters."""

from __future__ import annotations

import mxnet as mx
import numpy as np
import pytest

from golden_nets import OPTIONS, build, fill, recipe_parameters
from symbols import backbone
from symbols.lineage_2019 import lineage_symbol


def saved_parameters(path):
    return {key.split(":", 1)[1]: value.asnumpy() for key, value in mx.nd.load(str(path)).items()}


def golden_case(folder, name, parameters):
    inputs = np.load(folder / "inputs.npz")
    small = name.startswith("opt") or "32" in name.split("_")[0] or "32px" in name
    images = mx.nd.array(inputs["x32" if small else "x112"], dtype="float32")
    network = build(name)
    fill(network, parameters, images)
    return network, images, np.load(folder / "embeddings.npz")[name]


def assert_embeddings(network, images, expected):
    large = images.shape[-1] > 32  # these run in one form only
    for hybridise in (True,) if large else (False, True):
        if hybridise:
            network.hybridize(static_alloc=True, static_shape=True)
        for _ in range(1 if large else 2):
            embedding = network(images).asnumpy()
            assert embedding.size == expected.size
            error = np.abs(embedding.reshape(expected.shape) - expected).max()
            assert error <= 1e-5 * np.abs(expected).max()


@pytest.mark.slow
@pytest.mark.parametrize("name", [*OPTIONS, "r18full_32px_emb128", "r18_emb512", "r50_emb512"])
def test_embeddings_from_drawn_parameters(name, golden):
    folder = golden / "a_nets"
    assert_embeddings(*golden_case(folder, name, recipe_parameters(folder, name)))


@pytest.mark.parametrize("compiled", [True, False], ids=["compiled", "by MXNet"])
def test_embeddings_from_a_2019_checkpoint(compiled, golden, monkeypatch):
    if not compiled:
        monkeypatch.setattr("symbols.compiled.available", lambda: False)
    folder = golden / "a_nets"
    parameters = saved_parameters(folder / "r18narrow32_emb32-0000.params")
    assert_embeddings(*golden_case(folder, "r18narrow32_emb32", parameters))


@pytest.mark.parametrize("name", ["opt_unit2", "opt_se1", "opt_outA"])
def test_embeddings_without_the_compiled_operator(name, golden, monkeypatch):
    monkeypatch.setattr("symbols.compiled.available", lambda: False)
    folder = golden / "a_nets"
    network, images, expected = golden_case(folder, name, recipe_parameters(folder, name))
    assert network._program is None
    assert_embeddings(network, images, expected)


@pytest.mark.parametrize("name", ["y1_emb128", "y1_emb512", "r18narrow_emb128"])
def test_embeddings_from_large_2019_checkpoints(name, shared):
    folder = shared / "golden" / "a_nets"
    parameters = saved_parameters(folder / f"{name}-0000.params")
    assert_embeddings(*golden_case(folder, name, parameters))


def test_lineage_graph_computes_what_the_network_computes(golden):
    folder = golden / "a_nets"
    parameters = saved_parameters(folder / "r18narrow32_emb32-0000.params")
    network, images, _ = golden_case(folder, "r18narrow32_emb32", parameters)
    module = mx.mod.Module(lineage_symbol(network, "data"), label_names=None)
    module.bind(data_shapes=[("data", images.shape)], for_training=False)
    aux = {k: mx.nd.array(v) for k, v in parameters.items() if "_moving_" in k}
    args = {k: mx.nd.array(v) for k, v in parameters.items() if "_moving_" not in k}
    module.set_params(args, aux)
    module.forward(mx.io.DataBatch([images]), is_train=False)
    np.testing.assert_allclose(
        module.get_outputs()[0].asnumpy(), network(images).asnumpy(), rtol=0, atol=1e-5
    )


def test_module_code_runs_y1_more_than_once():
    """With MXNet's own default the second forward dies ("can't generate TBlob")."""
    network = backbone("y1", 8)
    network.initialize(mx.init.Xavier())
    network.infer_shape(mx.nd.zeros((1, 3, 112, 112)))
    symbol = lineage_symbol(network, "data")
    module = mx.mod.Module(symbol, label_names=None)
    module.bind([("data", (1, 3, 112, 112))], for_training=False)
    module.init_params(mx.init.Xavier())
    for value in (50, 60):
        module.forward(mx.io.DataBatch([mx.nd.ones((1, 3, 112, 112)) * value]), is_train=False)
        assert np.isfinite(module.get_outputs()[0].asnumpy()).all()
