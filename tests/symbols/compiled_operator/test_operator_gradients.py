"""The compiled operator's gradients, against MXNet's operators in float64 and against differences.

MXNet's operators in float64 use the form of PReLU whose gradient ``test_prelu.py`` checks.
"""

from __future__ import annotations

import mxnet as mx
import numpy as np
import pytest

from operator_nets import (
    NETWORKS,
    by_moving_averages,
    derive,
    distance,
    drawn,
    faces,
    in_float64,
    loss_of,
    needs_operator,
    small_resnet,
    too_far,
)
from symbols.layers import BatchNorm, Convolution, FullyConnected, chain
from symbols.network import Network

pytestmark = needs_operator

# measured: 1e-6
MOST = 2e-5
STATISTICS = ("_moving_mean", "_moving_var")


@pytest.mark.parametrize(
    "name, train_mode",
    [
        *((name, True) for name in NETWORKS),
        # their own averages or the moving ones: one step of the operator, for each layout
        *((name, False) for name in ("mixed widths", "unit 2", "mobile, other widths", "groups")),
    ],
)
def test_gradients_equal_those_of_float64(name, train_mode):
    images, differences = faces(5), []
    # rounding may carry a number of some draw over a PReLU's kink; a wrong formula fits no draw
    for draw in range(3):
        network = drawn(NETWORKS[name](), seed=draw)
        assert network._program is not None
        twin = in_float64(network, NETWORKS[name])
        if not train_mode:
            by_moving_averages(twin)
        found, expected = derive(network, images, train_mode), derive(twin, images)
        differences = too_far(found, expected, MOST)
        if not differences:
            break
    assert not differences


@pytest.mark.parametrize("name", ["mixed widths", "mobile, widths of 16", "unit 2"])
def test_moving_averages_after_training_steps_equal_those_of_float64(name):
    network = drawn(NETWORKS[name]())
    twin = in_float64(network, NETWORKS[name])
    for step in range(2):
        derive(network, faces(5, seed=step)), derive(twin, faces(5, seed=step))
    expected = twin.collect_params()
    for key, parameter in network.collect_params().items():
        if key.endswith(STATISTICS):
            value = expected[key].data().asnumpy()
            assert distance(parameter.data().asnumpy(), value) <= 1e-5, key


def test_moving_averages_stay_where_they_are_not_to_be_moved():
    network = drawn(NETWORKS["mixed widths"]())
    averages = {
        name: parameter
        for name, parameter in network.collect_params().items()
        if name.endswith(STATISTICS)
    }
    before = {name: parameter.data().asnumpy() for name, parameter in averages.items()}
    derive(network, faces(3), train_mode=False)
    network(mx.nd.array(faces(3))).wait_to_read()
    for name, parameter in averages.items():
        np.testing.assert_array_equal(parameter.data().asnumpy(), before[name])


@pytest.mark.parametrize("name", ["mixed widths", "groups"])
def test_gradients_equal_differences_of_the_loss(name):
    network = drawn(NETWORKS[name]())
    images = faces(4)
    gradients = derive(network, images)
    data = mx.nd.array(images)
    for key, parameter in network.collect_params().items():
        if not key.startswith(("conv0_", "bn0_", "relu0_", "stage2_", "first_", "groups_4")):
            continue
        if parameter.grad_req == "null":
            continue
        gradient = gradients[key].astype(np.float64)
        size = np.linalg.norm(gradient)
        if size < 1e-2:  # a gamma that is fixed
            continue
        start = parameter.data().asnumpy().astype(np.float64)
        # along the gradient the loss changes most, so that float32 can tell
        step = 3e-4 * np.linalg.norm(start)
        values = []
        for sign in (1, -1):
            parameter.set_data(mx.nd.array(start + sign * step * gradient / size))
            with mx.autograd.train_mode():
                values.append(float(loss_of(network(data)).asscalar()))
        parameter.set_data(mx.nd.array(start))
        assert (values[0] - values[1]) / (2 * step) == pytest.approx(size, rel=0.03), key


@pytest.mark.parametrize("channels", [16, 8, 3])
def test_variance_is_accurate_beside_a_large_mean(channels):
    """The convolution copies its input, which has mean 1000 and deviation 0.1."""
    network = Network(
        chain(
            Convolution("copy", channels, channels, 1, num_group=channels, no_bias=True),
            BatchNorm("norm", channels, 0.0),
        ),
        FullyConnected("fc1", 1, channels * 64),
    )
    network.initialize()
    rng = np.random.RandomState(0)
    data = (1000 + 0.1 * rng.normal(size=(6, channels, 8, 8))).astype(np.float32)
    network(mx.nd.array(data[:1]))
    parameters = network.collect_params()
    parameters["copy_weight"].set_data(mx.nd.ones((channels, 1, 1, 1)))
    with mx.autograd.record():
        network(mx.nd.array(data)).wait_to_read()
    exact = data.astype(np.float64)
    np.testing.assert_allclose(
        parameters["norm_moving_mean"].data().asnumpy(), exact.mean(axis=(0, 2, 3)), rtol=1e-6
    )
    np.testing.assert_allclose(
        parameters["norm_moving_var"].data().asnumpy(), exact.var(axis=(0, 2, 3)), rtol=1e-4
    )


@pytest.mark.parametrize("height, width", [(17, 23), (32, 8), (5, 40)])
def test_images_of_other_sizes_have_the_right_gradients(height, width):
    def make():
        return small_resnet(16, 19, 24, units=(1, 1))

    images = np.random.RandomState(2).uniform(0, 255, (3, 3, height, width))
    differences = []
    for draw in range(3):
        network = drawn(make(), seed=draw, size=(height, width))
        twin = in_float64(network, make, size=(height, width))
        differences = too_far(derive(network, images), derive(twin, images), MOST)
        if not differences:
            break
    assert not differences
