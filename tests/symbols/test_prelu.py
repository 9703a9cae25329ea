"""PReLU's slope is trained with its true gradient wherever a PReLU stands in a network.

MXNet >= 1.3 gives slope x the gradient for a LeakyReLU inside a graph. The truth here is a central
difference of the network itself in float64.
"""

from __future__ import annotations

import mxnet as mx
import numpy as np
import pytest

from symbols import backbone
from symbols.fresnet import resnet
from symbols.layers import built_for

TINY = dict(units=[1, 1, 1, 1], filters=[16, 16, 16, 16, 16], embedding=6)
PLACES = {
    "after the first BatchNorm and inside units": resnet(**TINY, version_output="J"),
    "at the end of a unit": resnet(**TINY, version_unit=1, version_output="J"),
    "before the convolutions of a unit": resnet(**TINY, version_unit=2, version_output="J"),
    "in squeeze-and-excite": resnet(**TINY, version_se=1, version_output="J"),
    "before the average of the map": resnet(**TINY, version_output="C"),
    "on a flat embedding, as the last node": resnet(**TINY, version_output="D"),
    "before a pooling": resnet(**TINY, version_input=0, version_output="J"),
    "in a bottleneck": resnet(**{**TINY, "units": [1, 1]}, bottleneck=True, version_output="J"),
}


def check_slopes(network, images, places_per_parameter=1, step=1e-5):
    network.initialize(mx.init.Xavier(rnd_type="gaussian", magnitude=2))
    network.cast("float64")
    network.infer_shape(images)
    rng = np.random.RandomState(3)
    slopes = {}
    for name, parameter in network.collect_params().items():
        if "relu" in name:
            slope = rng.uniform(-0.2, 0.6, parameter.shape)
            parameter.set_data(mx.nd.array(slope, dtype="float64"))
            slopes[name] = parameter
    assert slopes
    network.hybridize(static_alloc=True)
    weights = mx.nd.array(rng.normal(size=network(images).shape), dtype="float64")

    def loss():
        with mx.autograd.train_mode():
            return float((network(images) * weights).sum().asscalar())

    with mx.autograd.record():
        value = (network(images) * weights).sum()
    value.backward()
    for name, parameter in slopes.items():
        gradient, start = parameter.grad().asnumpy().copy(), parameter.data().asnumpy()
        for place in rng.permutation(gradient.size)[:places_per_parameter]:
            values = []
            for sign in (1, -1):
                moved = start.copy()
                moved[place] += sign * step
                parameter.set_data(mx.nd.array(moved, dtype="float64"))
                values.append(loss())
            parameter.set_data(mx.nd.array(start, dtype="float64"))
            measured = (values[0] - values[1]) / (2 * step)
            scale = np.abs(gradient).max()
            assert abs(measured - gradient[place]) <= 1e-3 * scale, (name, place)


@pytest.mark.parametrize("place", PLACES)
def test_slope_gradient_equals_finite_differences(place):
    images = mx.nd.array(np.random.RandomState(0).uniform(0, 255, (3, 3, 16, 16)), dtype="float64")
    check_slopes(PLACES[place], images)


def test_the_form_for_gpus_is_exact_too():
    with built_for("gpu"):
        network = resnet(**TINY, version_output="D")
    images = mx.nd.array(np.random.RandomState(0).uniform(0, 255, (3, 3, 16, 16)), dtype="float64")
    check_slopes(network, images)


def test_both_forms_compute_the_same():
    outputs = []
    for device_type in ("cpu", "gpu"):
        with built_for(device_type):
            network = resnet(**TINY, version_output="J")
        mx.random.seed(1)
        network.initialize(mx.init.Xavier())
        outputs.append(network(mx.nd.ones((2, 3, 32, 32)) * 77).asnumpy())
    np.testing.assert_allclose(*outputs, rtol=1e-5, atol=1e-6)


def test_slopes_survive_alternating_training_and_inference():
    network = resnet(**TINY, version_output="J")
    network.initialize(mx.init.Xavier())
    images = mx.nd.random.uniform(0, 255, (2, 3, 32, 32))
    network.hybridize(static_alloc=True, static_shape=True)
    expected = network(images).asnumpy()
    slopes = {
        name: parameter.data().asnumpy()
        for name, parameter in network.collect_params().items()
        if "relu" in name
    }
    for _ in range(3):
        with mx.autograd.record(train_mode=False):
            value = network(images).sum()
        value.backward()
        np.testing.assert_allclose(network(images).asnumpy(), expected, rtol=0, atol=1e-5)
    for name, before in slopes.items():
        np.testing.assert_array_equal(network.collect_params()[name].data().asnumpy(), before)


def test_slopes_start_at_a_quarter():
    network = backbone("y1", 8)
    network.initialize(mx.init.Xavier())
    network.infer_shape(mx.nd.zeros((1, 3, 112, 112)))
    for name, parameter in network.collect_params().items():
        if name.endswith("_relu_gamma"):
            assert (parameter.data().asnumpy() == 0.25).all()
