"""A copy of a network for another thread: its own weights, the same numbers."""

from __future__ import annotations

import threading

import mxnet as mx
import numpy as np
import pytest

from symbols import backbone
from unequal.training.inference import embedder, frozen_embedder


@pytest.fixture
def network():
    made = backbone("r18", 16, width=0.125)
    made.initialize(mx.init.Xavier())
    made.infer_shape(mx.nd.zeros((2, 3, 16, 16)))
    made.hybridize(static_alloc=True)
    return made


@pytest.fixture
def images():
    return np.random.RandomState(0).randint(0, 256, (5, 3, 16, 16)).astype(np.uint8)


def change(network):
    for parameter in network.collect_params().values():
        parameter.set_data(parameter.data() * 1.1 + 0.01)


def close(found, expected):
    np.testing.assert_allclose(found, expected, rtol=0, atol=1e-5 * np.abs(expected).max())


def test_the_copy_keeps_the_weights_of_the_moment_until_the_next_one(network, images):
    freeze = frozen_embedder(network, [mx.cpu()])
    of_now = embedder(network, [mx.cpu()])
    for _ in range(3):
        expected = of_now(images)
        copy = freeze()
        change(network)
        close(copy(images), expected)
        assert np.abs(of_now(images) - expected).max() > 1e-3 * np.abs(expected).max()


def test_the_copy_works_in_a_thread_while_the_network_is_trained(network, images):
    expected = embedder(network, [mx.cpu()])(images)
    copy = frozen_embedder(network, [mx.cpu()])()
    found = []

    def work():
        for _ in range(10):
            pending = [copy.push(images), copy.push(images[::-1].copy())]
            found.append([np.asarray(rows) for rows in pending])

    thread = threading.Thread(target=work)
    trainer = mx.gluon.Trainer(network.collect_params(), "sgd", {"learning_rate": 0.1})
    data = mx.nd.array(images)
    thread.start()
    for _ in range(5):
        with mx.autograd.record():
            loss = (network(data) ** 2).mean()
        loss.backward()
        trainer.step(1)
    thread.join()
    for plain, turned in found:
        close(plain, expected)
        close(turned[::-1], expected)
    assert len(found) == 10


def test_pushed_batches_do_not_share_memory_and_rows_are_shared_by_the_devices(network, images):
    for devices in ([mx.cpu(0)], [mx.cpu(0), mx.cpu(0)]):
        on_devices = embedder(network, devices)
        mirrored = np.ascontiguousarray(images[:, :, :, ::-1])
        expected, of_mirror = on_devices(images), on_devices(mirrored)
        mine = images.copy()
        plain, flipped = on_devices.push_with_mirror(mine)
        mine[:] = 0
        others = [on_devices.push(mine) for _ in range(3)]
        close(np.asarray(plain), expected)
        close(np.asarray(flipped), of_mirror)
        assert np.asarray(others[0], np.float64).dtype == np.float64
