"""In inference the compiled operator computes what MXNet's operators compute, always anew."""

from __future__ import annotations

import mxnet as mx
import numpy as np
import pytest

from operator_nets import (
    FORMS,
    NETWORKS,
    assert_close,
    by_mxnet,
    derive,
    distance,
    drawn,
    faces,
    in_float64,
    loss_of,
    needs_operator,
)

pytestmark = needs_operator

MOST = 1e-5


def images(count: int, seed: int = 0) -> mx.nd.NDArray:
    return mx.nd.array(faces(count, seed=seed))


def assert_as_mxnet(network, data):
    assert distance(network(data).asnumpy(), by_mxnet(network, data)) <= MOST


@pytest.mark.parametrize("name", NETWORKS)
def test_embeddings_equal_those_of_mxnet(name):
    network = drawn(NETWORKS[name]())
    network.hybridize(static_alloc=True, static_shape=True)
    for _ in range(2):
        assert_as_mxnet(network, images(3))


@pytest.mark.parametrize("form", FORMS)
def test_changed_parameters_are_seen(form):
    network = drawn(NETWORKS["mixed widths"]())
    if FORMS[form] is not None:
        network.hybridize(**FORMS[form])
    data, before = images(2), None
    for name, parameter in network.collect_params().items():
        if name.startswith(("conv0", "bn0", "relu0", "stage2_unit1_bn3", "stage3_unit1_relu1")):
            parameter.set_data(parameter.data() * 1.5)
            after = network(data).asnumpy()
            assert before is None or not np.array_equal(after, before), name
            assert_as_mxnet(network, data)
            before = after


@pytest.mark.parametrize("form", FORMS)
def test_training_steps_are_seen(form):
    network = drawn(NETWORKS["unit 2"]())
    if FORMS[form] is not None:
        network.hybridize(**FORMS[form])
    trainer = mx.gluon.Trainer(
        network.collect_params(), "sgd", dict(learning_rate=0.05, momentum=0.9)
    )
    last = network(images(2)).asnumpy()
    for step in range(3):
        with mx.autograd.record():
            loss = loss_of(network(images(4, seed=step))) * 0.01
        loss.backward()
        trainer.step(4)
        assert_as_mxnet(network, images(2))
        now = network(images(2)).asnumpy()
        assert distance(now, last) > 1e-3
        last = now


def test_parameters_made_anew_are_seen():
    network = drawn(NETWORKS["mixed widths"]())
    network.hybridize(static_alloc=True, static_shape=True)
    for _ in range(4):
        assert_as_mxnet(network, images(2))
        # twice, so that they may lie where those before lay
        network.initialize(mx.init.Xavier(), force_reinit=True)
        network.initialize(mx.init.Xavier(), force_reinit=True)


@pytest.mark.parametrize("form", FORMS)
def test_batches_of_many_sizes_take_turns(form):
    network = drawn(NETWORKS["shortcuts without a projection"]())
    if FORMS[form] is not None:
        network.hybridize(**FORMS[form])
    expected = by_mxnet(network, images(6))
    for count in (1, 6, 2, 5, 1, 3, 6, 2):
        assert distance(network(images(6)[:count]).asnumpy(), expected[:count]) <= MOST


def test_networks_beside_one_another_do_not_mix():
    names = ["mixed widths", "mobile, other widths", "ReLU", "mixed widths"]
    networks = [drawn(NETWORKS[name](), seed) for seed, name in enumerate(names)]
    for network in networks:
        network.hybridize(static_alloc=True, static_shape=True)
    data = images(3)
    expected = [by_mxnet(network, data) for network in networks]
    for _ in range(3):
        outputs = [network(data) for network in networks]
        for output, value in zip(outputs, expected):
            assert distance(output.asnumpy(), value) <= MOST


@pytest.mark.parametrize("form", FORMS)
def test_inference_may_come_between_a_pass_and_its_gradients(form):
    name = "mixed widths"
    network = drawn(NETWORKS[name]())
    twin = in_float64(network, NETWORKS[name])
    if FORMS[form] is not None:
        network.hybridize(**FORMS[form])
    expected = derive(twin, faces(4))
    data = images(4)
    data.attach_grad()
    for _ in range(2):
        with mx.autograd.record():
            output = network(data)
            loss = loss_of(output)
        # these keep the moving averages that the recorded pass has moved
        for count in (4, 2, 1):
            assert_as_mxnet(network, images(count))
        loss.backward()
        found = {
            key: parameter.grad().asnumpy()
            for key, parameter in network.collect_params().items()
            if parameter.grad_req != "null"
        }
        assert_close({**found, "data": data.grad.asnumpy(), "output": output.asnumpy()}, expected)


def test_parameters_that_mxnet_has_used_meanwhile_are_read_rightly():
    """MXNet's convolutions may rearrange a weight where it lies."""
    network = drawn(NETWORKS["widths of 16"]())
    network.hybridize(static_alloc=True)
    network.features.hybridize(static_alloc=True)
    data = images(2)
    first = network(data).asnumpy()
    for _ in range(3):
        network.features(data).wait_to_read()
        np.testing.assert_array_equal(network(data).asnumpy(), first)


def test_data_in_a_layout_of_mxnet_is_read_rightly():
    network = drawn(NETWORKS["mobile, widths of 16"]())
    before = mx.gluon.nn.Conv2D(3, 3, padding=1, in_channels=16, prefix="before_")
    before.initialize(mx.init.Xavier())
    chained = mx.gluon.nn.HybridSequential(prefix="")
    chained.add(before, network)
    source = mx.nd.random.uniform(0, 255, (2, 16, 32, 32))
    expected = by_mxnet(network, before(source))
    chained.hybridize(static_alloc=True)
    for _ in range(2):
        assert distance(chained(source).asnumpy(), expected) <= MOST
