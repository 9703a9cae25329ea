"""Networks of every kind run after one another in a process, whatever the sizes of their maps.

Here maps end at 1x1 pixels and have as many channels as the embedding: on processors with AVX-512
MXNet's BatchNorm of the embeddings died after that of such maps (``environment.py``). Each case
is a process of its own, so that its death fails one test.
"""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = pytest.mark.slow

REPOSITORY = Path(__file__).resolve().parents[2]
MANY = """
import sys

import unequal  # noqa: F401
import mxnet as mx
import numpy as np

from unequal.checkpoints.embedder import as_block
from symbols.fresnet import resnet
from symbols.lineage_2019 import lineage_symbol


def close(found, expected):
    np.testing.assert_allclose(found, expected, rtol=0, atol=1e-5 * np.abs(expected).max())


for size, versions in eval(sys.argv[1]):
    data = np.random.RandomState(0).uniform(0, 255, (2, 3, size, size))
    network = resnet([1, 1, 1, 1], [16, 16, 16, 32, 32], 32, **versions)
    network.initialize(mx.init.Xavier())
    network.hybridize(static_alloc=True)
    pixels = mx.nd.array(data)
    with mx.autograd.record():
        loss = network(pixels).sum()
    loss.backward()
    mx.nd.waitall()
    trained = network(pixels).asnumpy()
    values = {name: parameter.data() for name, parameter in network.collect_params().items()}
    block = as_block(lineage_symbol(network, "data"), ["data"], values, [mx.cpu()], "")
    saved = block(pixels).asnumpy()
    network.cast("float64")  # which MXNet computes without oneDNN
    exact = network(mx.nd.array(data, dtype="float64")).asnumpy()
    close(trained, exact)
    close(saved, exact)
"""
NETWORKS = [
    (16, {}),
    (16, dict(version_unit=1)),
    (16, dict(version_unit=2)),
    (32, dict(version_unit=1, version_input=0)),
    (32, dict(version_input=0)),
    (16, dict(version_act="relu")),
    (16, dict(version_se=1)),
]


@pytest.mark.parametrize(
    "networks, compiled", [(NETWORKS, "0"), (NETWORKS[::-1], "1")], ids=["forwards", "backwards"]
)
def test_networks_of_every_version_in_one_process(networks, compiled):
    given = {key: value for key, value in os.environ.items() if "PRIMITIVE_CACHE" not in key}
    paths = os.pathsep.join([str(REPOSITORY), str(REPOSITORY / "src")])
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", MANY, repr(networks)],
        cwd=REPOSITORY,
        timeout=120,
        capture_output=True,
        text=True,
        env={**given, "PYTHONPATH": paths, "OMP_NUM_THREADS": "1", "UNEQUAL_COMPILED": compiled},
    )
    assert done.returncode == 0, done.stderr
