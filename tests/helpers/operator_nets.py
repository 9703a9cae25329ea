"""Small networks for the compiled operator, and the same ones computed by MXNet in float64."""

from __future__ import annotations

from typing import Callable

import mxnet as mx
import numpy as np
import pytest
from mxnet.gluon import HybridBlock

from symbols import compiled
from symbols.fmobilefacenet import Shortcut
from symbols.fresnet import resnet
from symbols.layers import (
    BatchNorm,
    Convolution,
    FullyConnected,
    Normalise,
    activation,
    chain,
)
from symbols.network import Network

needs_operator = pytest.mark.skipif(
    not compiled.available(), reason="the compiled operator is not built here"
)

EMBEDDING, SIZE = 6, (32, 32)
# how a Gluon block may be made to run
FORMS = {
    "not hybridised": None,
    "static": dict(static_alloc=True, static_shape=True),
}


def small_resnet(*filters: int, units=(1, 1, 1, 1), **versions) -> Network:
    return resnet(list(units), list(filters), EMBEDDING, version_output="H", **versions)


def layers(
    name: str,
    channels: int,
    filters: int,
    kernel: int = 1,
    stride: int = 1,
    groups: int = 1,
    act: str | None = "prelu",
    momentum: float = 0.9,
    fix_gamma: bool = False,
) -> list[HybridBlock]:
    """Convolution, BatchNorm and, unless ``act`` is None, an activation."""
    pad = kernel // 2
    found = [
        Convolution(
            f"{name}_conv2d",
            channels,
            filters,
            kernel,
            num_group=groups,
            stride=(stride, stride),
            pad=(pad, pad),
            no_bias=True,
        ),
        BatchNorm(f"{name}_batchnorm", filters, momentum, eps=None, fix_gamma=fix_gamma),
    ]
    return found + ([activation(f"{name}_relu", filters, act)] if act else [])


def mobile_chain(width: int, expanded: int, momentum: float = 0.9) -> Network:
    """As y1: a strided convolution, depthwise ones, a shortcut, a depthwise end over 4x4."""
    return Network(
        chain(
            Normalise(),
            *layers("conv_1", 3, width, kernel=3, stride=2, momentum=momentum),
            *layers("conv_2_dw", width, width, kernel=3, groups=width, momentum=momentum),
            *layers("down_sep", width, expanded, momentum=momentum),
            *layers("down_dw", expanded, expanded, kernel=3, stride=2, groups=expanded),
            *layers("down_proj", expanded, width, act=None),
            Shortcut(
                *layers("res_sep", width, expanded),
                *layers("res_dw", expanded, expanded, kernel=3, groups=expanded),
                *layers("res_proj", expanded, width, act=None),
            ),
            Convolution("end_conv2d", width, width, 4, num_group=width, no_bias=True),
            BatchNorm("end_batchnorm", width, momentum),
        ),
        head(width * 25),
    )


def grouped_chain() -> Network:
    """Convolutions with groups that are not depthwise, and a gamma that is fixed."""
    return Network(
        chain(
            Normalise(),
            *layers("first", 3, 16, kernel=3, stride=2),
            *layers("groups_2", 16, 32, kernel=3, groups=2, act="relu"),
            *layers("groups_4", 32, 24, kernel=3, groups=4, stride=2, fix_gamma=True),
        ),
        head(24 * 64),
    )


def head(inputs: int) -> HybridBlock:
    """Without a BatchNorm, whose gradient by moving averages MXNet gets wrong."""
    return FullyConnected("fc1", EMBEDDING, inputs)


NETWORKS: dict[str, Callable[[], Network]] = {
    "widths of 16": lambda: small_resnet(16, 16, 32, 16, 32),
    "widths of 8": lambda: small_resnet(8, 8, 24, 8, 24),
    "other widths": lambda: small_resnet(19, 19, 12, 5, 19),
    "mixed widths": lambda: small_resnet(16, 24, 19, 8, 32),
    "unit 2": lambda: small_resnet(16, 16, 16, 24, 16, version_unit=2),
    "unit 2, other widths": lambda: small_resnet(8, 8, 19, units=(2, 1), version_unit=2),
    "ReLU": lambda: small_resnet(16, 16, 16, 24, 16, version_act="relu"),
    "shortcuts without a projection": lambda: small_resnet(16, 16, 19, units=(3, 2)),
    "bottleneck": lambda: small_resnet(16, 32, 64, units=(1, 2), bottleneck=True),
    "mobile, widths of 16": lambda: mobile_chain(16, 32),
    "mobile, other widths": lambda: mobile_chain(12, 24),
    "groups": grouped_chain,
}


def faces(count: int, seed: int = 0) -> np.ndarray:
    return np.random.RandomState(seed).uniform(0, 255, (count, 3, *SIZE)).astype(np.float32)


def drawn(network: HybridBlock, seed: int = 1, size: tuple[int, int] = SIZE) -> HybridBlock:
    """``network`` with random parameters of usual sizes; slopes from below 0 to above 1."""
    network.initialize()
    network(mx.nd.zeros((1, 3, *size)))
    rng = np.random.RandomState(seed)
    for name, parameter in network.collect_params().items():
        shape = parameter.shape
        if name.endswith("relu_gamma") or "_relu" in name or name.startswith("relu"):
            value = rng.uniform(-0.5, 1.6, shape)
        elif name.endswith("_gamma"):
            value = rng.uniform(0.6, 1.4, shape)
        elif name.endswith(("_beta", "_bias", "_moving_mean")):
            value = rng.normal(0, 0.2, shape)
        elif name.endswith("_moving_var"):
            value = rng.uniform(0.5, 1.5, shape)
        else:
            value = rng.normal(0, np.sqrt(1.5 / np.prod(shape[1:])), shape)
        parameter.set_data(mx.nd.array(value))
    return network


def in_float64(
    network: HybridBlock, make: Callable[[], HybridBlock], size: tuple[int, int] = SIZE
) -> HybridBlock:
    """The network that ``make`` gives, with the parameters of ``network``, by MXNet in float64."""
    twin = make()
    twin.initialize()
    twin(mx.nd.zeros((1, 3, *size)))
    twin.cast("float64")
    copy_parameters(network, twin)
    return twin


def by_moving_averages(network: HybridBlock) -> HybridBlock:
    """``network``, to be derived in training mode as if it was not to train.

    MXNet 1.9.1 derives a BatchNorm rightly in training mode only.
    """

    def settle(block):
        if isinstance(block, BatchNorm):
            block._node["use_global_stats"] = True

    return network.apply(settle)


def copy_parameters(source: HybridBlock, target: HybridBlock) -> None:
    values = source.collect_params()
    for name, parameter in target.collect_params().items():
        parameter.set_data(values[name].data().astype(parameter.dtype))
        assert parameter.shape == values[name].shape


def by_mxnet(network: Network, images: mx.nd.NDArray) -> np.ndarray:
    """The network's output without its operator, in float32."""
    return network.head(network.features(images)).asnumpy()


def loss_of(output: mx.nd.NDArray, seed: int = 5) -> mx.nd.NDArray:
    """A number that depends on every output differently."""
    weights = np.random.RandomState(seed).normal(size=output.shape)
    weights = mx.nd.array(weights, dtype=output.dtype)
    return (output * weights).sum() + (output * output * weights).sum()


def derive(network: HybridBlock, images: np.ndarray, train_mode: bool = True) -> dict:
    """{name: gradient} of ``loss_of`` by every parameter and by the ``data``; the ``output``."""
    parameters = network.collect_params()
    dtype = parameters["fc1_bias"].dtype
    data = mx.nd.array(images, dtype=dtype)
    data.attach_grad()
    with mx.autograd.record(train_mode=train_mode):
        output = network(data)
        loss = loss_of(output)
    loss.backward()
    found = {
        name: parameter.grad().asnumpy().copy()
        for name, parameter in parameters.items()
        if parameter.grad_req != "null"
    }
    return {**found, "data": data.grad.asnumpy(), "output": output.asnumpy()}


def distance(found: np.ndarray, expected: np.ndarray) -> float:
    """|found - expected| / |expected| of two arrays as vectors."""
    return float(np.linalg.norm(found - expected) / max(np.linalg.norm(expected), 1e-30))


def too_far(found: dict, expected: dict, most: float) -> dict[str, float]:
    """{name: distance} of the arrays that are further apart than ``most``.

    What is 0 but for rounding, such as a beta before another BatchNorm, is seen against the
    largest array.
    """
    assert found.keys() == expected.keys()
    least = 1e-7 * max(np.linalg.norm(value) for value in expected.values())
    return {
        name: distance(found[name], value)
        for name, value in expected.items()
        if not np.linalg.norm(found[name] - value) <= most * np.linalg.norm(value) + least
    }


def assert_close(found: dict, expected: dict, most: float = 5e-3) -> None:
    """For use where a mistake is a gross one: numbers at a PReLU's kink may differ by 2e-3."""
    assert not too_far(found, expected, most)
