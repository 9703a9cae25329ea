"""The compiled operator in the ways that a Gluon block can be used and trained."""

from __future__ import annotations

import threading

import mxnet as mx
import numpy as np
import pytest
from mxnet.gluon import HybridBlock

from operator_nets import (
    FORMS,
    NETWORKS,
    assert_close,
    derive,
    distance,
    drawn,
    faces,
    in_float64,
    loss_of,
    needs_operator,
)
from symbols.layers import built_for
from symbols.lineage_2019 import lineage_symbol

pytestmark = needs_operator

NAME = "mixed widths"


@pytest.fixture(params=FORMS)
def form(request):
    return FORMS[request.param]


def pair(form, change=None):
    """A network in one form, and its twin in float64."""
    network = drawn(NETWORKS[NAME]())
    twin = in_float64(network, NETWORKS[NAME])
    for block in (network, twin):
        if change is not None:
            change(block.collect_params())
    if form is not None:
        network.hybridize(**form)
    return network, twin


class Twice(HybridBlock):
    """f(x) + f(x / 2)"""

    def __init__(self, network):
        super().__init__(prefix="")
        self.network = network

    def hybrid_forward(self, F, x):
        return self.network(x) + self.network(x * 0.5)


@pytest.mark.parametrize("form", [*FORMS.values(), {}, dict(static_alloc=True)], ids=str)
def test_every_form_has_the_right_gradients_step_after_step(form):
    network, twin = pair(form)
    for seed, count in enumerate((4, 4, 3, 5)):
        images = faces(count, seed=seed)
        assert_close(derive(network, images), derive(twin, images))


def test_training_and_inference_take_turns(form):
    network, twin = pair(form)
    images = faces(4)
    for _ in range(2):
        assert_close(derive(network, images), derive(twin, images))
        output = network(mx.nd.array(images)).asnumpy()
        expected = twin(mx.nd.array(images, dtype="float64")).asnumpy()
        np.testing.assert_allclose(output, expected, rtol=0, atol=1e-5 * np.abs(expected).max())


def test_frozen_parameters_leave_the_other_gradients_right(form):
    def freeze(parameters):
        for name, parameter in parameters.items():
            if name.startswith(("conv0", "bn0_gamma", "stage2_", "relu0")):
                parameter.grad_req = "null"

    network, twin = pair(form, freeze)
    for _ in range(2):
        assert_close(derive(network, faces(4)), derive(twin, faces(4)))


def test_gradients_of_data_alone(form):
    network, twin = pair(form, lambda parameters: parameters.setattr("grad_req", "null"))
    assert_close(derive(network, faces(4)), derive(twin, faces(4)))


def test_gradients_that_add_up(form):
    network, twin = pair(form, lambda parameters: parameters.setattr("grad_req", "add"))
    for block in (network, twin):
        derive(block, faces(4, seed=1))
    assert_close(derive(network, faces(4)), derive(twin, faces(4)))


def test_a_network_used_twice_in_a_graph(form):
    network, twin = pair(None)
    network, twin = Twice(network), Twice(twin)
    if form is not None:
        network.hybridize(**form)
    for seed in range(2):
        assert_close(derive(network, faces(4, seed=seed)), derive(twin, faces(4, seed=seed)))


def test_many_passes_may_be_recorded_before_they_are_derived(form):
    network, twin = pair(form)
    gradients = []
    for block, dtype in ((network, "float32"), (twin, "float64")):
        parameters = block.collect_params()
        with mx.autograd.record():
            loss = sum(
                loss_of(block(mx.nd.array(faces(count, seed=count), dtype=dtype)))
                for count in (3, 2, 5, 3)
            )
        loss.backward()
        gradients.append(
            {
                name: parameter.grad().asnumpy()
                for name, parameter in parameters.items()
                if parameter.grad_req != "null"
            }
        )
    assert_close(*gradients)


def test_threads_may_train_and_embed_at_once():
    """As ``--mining-overlap`` does, each with a network of its own."""
    trained, twin = pair(dict(static_alloc=True, static_shape=True))
    embedding = drawn(NETWORKS["mobile, other widths"]())
    embedding.hybridize(static_alloc=True, static_shape=True)
    images = faces(4)
    expected = embedding(mx.nd.array(images)).asnumpy()
    outputs = []

    def embed():
        for _ in range(10):
            outputs.append(embedding(mx.nd.array(images)).asnumpy())

    thread = threading.Thread(target=embed)
    thread.start()
    gradients = [derive(trained, images) for _ in range(3)]
    thread.join()
    for output in outputs:
        assert distance(output, expected) <= 1e-5
    assert len(outputs) == 10
    right = derive(twin, images)
    for found in gradients:
        assert_close(found, right)


def test_deriving_twice_is_refused_in_words():
    network, _ = pair(None)
    with mx.autograd.record():
        loss = loss_of(network(mx.nd.array(faces(3))))
    loss.backward(retain_graph=True)
    with pytest.raises(mx.MXNetError, match="gradients can be taken once for each output"):
        loss.backward()
        mx.nd.waitall()


def test_the_saved_graph_has_no_trace_of_the_operator(form):
    network, _ = pair(form)
    network(mx.nd.array(faces(1))).wait_to_read()
    ours = lineage_symbol(network, "data").tojson()
    assert "unequal_network" not in ours
    with built_for("gpu"):
        without = NETWORKS[NAME]()
    assert without._program is None
    assert ours == lineage_symbol(without, "data").tojson()


def test_parameter_files_are_the_same_without_the_operator(tmp_path):
    network, _ = pair(None)
    path = str(tmp_path / "network.params")
    network.save_parameters(path)
    with built_for("gpu"):
        without = NETWORKS[NAME]()
    without.load_parameters(path)
    for name, parameter in without.collect_params().items():
        np.testing.assert_array_equal(
            parameter.data().asnumpy(), network.collect_params()[name].data().asnumpy()
        )
    assert set(mx.nd.load(path)) == set(without._collect_params_with_prefix())


def test_a_network_of_another_type_is_mxnets():
    network, _ = pair(None)
    network.cast("float64")
    assert network(mx.nd.array(faces(2), dtype="float64")).dtype == np.float64


@pytest.mark.parametrize("shape", [(2, 3, 32), (3, 32, 32), (2, 3, 2, 32, 32)])
def test_data_that_is_no_batch_of_images_is_refused(shape):
    network, _ = pair(None)
    with pytest.raises(mx.MXNetError, match=r"not \(N, C, H, W\)"):
        network(mx.nd.ones(shape)).wait_to_read()


def test_images_too_small_for_a_kernel_are_refused():
    network = drawn(NETWORKS["mobile, widths of 16"]())
    with pytest.raises(mx.MXNetError, match="too small"):
        network(mx.nd.ones((1, 3, 4, 4))).wait_to_read()


def test_images_of_another_number_of_channels_are_refused():
    network, _ = pair(None)
    with pytest.raises(mx.MXNetError, match="Shape inconsistent|inferring shapes failed"):
        network(mx.nd.ones((1, 4, 32, 32))).wait_to_read()
