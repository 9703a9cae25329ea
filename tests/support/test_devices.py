"""Which devices are trained on, for each CUDA_VISIBLE_DEVICES, MXNet build and set of GPUs."""

from __future__ import annotations

import ctypes

import mxnet as mx
import pytest

from unequal.support import devices
from unequal.support.errors import InputError

TURING, ADA, HOPPER, KEPLER = (7, 5), (8, 9), (9, 0), (3, 7)


def choose(monkeypatch, visible, capabilities, trust=None, gpu_build=True):
    """The devices chosen, as strings, and the lines logged."""
    monkeypatch.setattr(devices, "_is_gpu_build", lambda: gpu_build)
    environ = {"CUDA_VISIBLE_DEVICES": visible, "UNEQUAL_TRUST_GPU": trust}
    environ = {name: value for name, value in environ.items() if value is not None}
    lines = []
    chosen = devices.usable_devices(environ, capabilities, lines.append)
    return [str(device) for device in chosen], lines


@pytest.mark.parametrize(
    "visible, capabilities, expected",
    [
        ("", [], ["cpu(0)"]),
        ("", [TURING], ["cpu(0)"]),
        (" ", [TURING], ["cpu(0)"]),
        ("-1", [TURING], ["cpu(0)"]),
        (None, [], ["cpu(0)"]),
        (None, [TURING], ["gpu(0)"]),
        (None, [(5, 0), (6, 1), (7, 0), ADA], ["gpu(0)", "gpu(1)", "gpu(2)", "gpu(3)"]),
        ("0", [TURING], ["gpu(0)"]),
        ("3", [TURING], ["gpu(0)"]),
        ("0,1", [TURING, ADA], ["gpu(0)", "gpu(1)"]),
        ("5, 7", [TURING, ADA], ["gpu(0)", "gpu(1)"]),
        ("GPU-0a1b,GPU-2c3d", [TURING, ADA], ["gpu(0)", "gpu(1)"]),
    ],
)
def test_usable_gpus_are_taken_without_a_word(monkeypatch, visible, capabilities, expected):
    assert choose(monkeypatch, visible, capabilities) == (expected, [])


@pytest.mark.parametrize("visible", [None, "0"])
@pytest.mark.parametrize("capability", [HOPPER, (10, 0), (12, 0), KEPLER, (0, 0)])
def test_a_gpu_without_machine_code_means_the_cpu_and_one_line(monkeypatch, visible, capability):
    chosen, lines = choose(monkeypatch, visible, [capability])
    assert chosen == ["cpu(0)"]
    (line,) = lines
    assert "GPU 0 (compute capability {}.{})".format(*capability) in line
    assert "using the CPU" in line and "UNEQUAL_TRUST_GPU=1" in line and "\n" not in line


@pytest.mark.parametrize("visible, trusted", [(None, ["gpu(0)", "gpu(1)"]), ("0", ["gpu(0)"])])
def test_the_user_may_insist_on_a_newer_gpu(monkeypatch, visible, trusted):
    assert choose(monkeypatch, visible, [HOPPER, TURING], trust="1") == (trusted, [])


@pytest.mark.parametrize("trust", ["", "0"])
def test_trust_can_be_switched_off(monkeypatch, trust):
    assert choose(monkeypatch, "0", [HOPPER], trust=trust)[0] == ["cpu(0)"]


def test_unset_takes_the_usable_ones_of_a_mixed_machine(monkeypatch):
    chosen, lines = choose(monkeypatch, None, [HOPPER, TURING, KEPLER, ADA])
    assert chosen == ["gpu(1)", "gpu(3)"]
    (line,) = lines
    assert "GPU 0 (compute capability 9.0), GPU 2 (compute capability 3.7)" in line


def test_naming_usable_and_unusable_gpus_is_an_error(monkeypatch):
    with pytest.raises(InputError, match=r"GPU 1 \(compute capability 9.0\); leave out 6"):
        choose(monkeypatch, "4,6", [TURING, HOPPER])


@pytest.mark.parametrize("visible, there", [("0", []), ("0,1", [TURING]), ("0,9,1", [TURING])])
def test_naming_more_gpus_than_there_are_is_an_error(monkeypatch, visible, there):
    with pytest.raises(InputError, match=f"CUDA_VISIBLE_DEVICES={visible} names") as caught:
        choose(monkeypatch, visible, there)
    assert f"{len(there)} found" in str(caught.value)


def test_the_cpu_build_says_once_that_it_cannot_use_the_gpus_asked_for(monkeypatch):
    chosen, lines = choose(monkeypatch, "0,1", [TURING, TURING], gpu_build=False)
    assert chosen == ["cpu(0)"]
    (line,) = lines
    assert "CUDA_VISIBLE_DEVICES=0,1" in line and "make setup GPU=1" in line


@pytest.mark.parametrize("visible", [None, "", "-1"])
def test_the_cpu_build_is_silent_when_no_gpu_was_asked_for(monkeypatch, visible):
    assert choose(monkeypatch, visible, [TURING], gpu_build=False) == (["cpu(0)"], [])


def test_the_result_is_a_list_of_contexts(monkeypatch):
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "")
    assert devices.usable_devices() == [mx.cpu()]


class FakeDriver:
    """libcuda with some GPUs: the five functions that are called, filling in C integers."""

    def __init__(self, capabilities, init=0, count=0, broken=()):
        self.capabilities, self.init, self.count, self.broken = capabilities, init, count, broken

    def cuInit(self, flags):
        assert flags == 0
        return self.init

    def cuDeviceGetCount(self, number):
        number._obj.value = len(self.capabilities)
        return self.count

    def cuDeviceGet(self, device, ordinal):
        device._obj.value = 100 + ordinal
        return 101 if ordinal in self.broken else 0

    def cuDeviceGetAttribute(self, value, attribute, device):
        value._obj.value = self.capabilities[device.value - 100][{75: 0, 76: 1}[attribute]]
        return 0


def test_the_driver_is_asked_for_each_gpus_capability():
    assert devices.gpu_capabilities(FakeDriver([TURING, HOPPER])) == [TURING, HOPPER]


def test_a_gpu_that_does_not_answer_keeps_its_place_and_is_unusable(monkeypatch):
    found = devices.gpu_capabilities(FakeDriver([TURING, ADA, ADA], broken={1}))
    assert found == [TURING, (0, 0), ADA]
    assert choose(monkeypatch, None, found)[0] == ["gpu(0)", "gpu(2)"]


@pytest.mark.parametrize("failure", [{"init": 100}, {"count": 3}])
def test_a_driver_that_does_not_start_shows_no_gpu(failure):
    assert devices.gpu_capabilities(FakeDriver([TURING], **failure)) == []


def test_no_driver_is_no_gpu(monkeypatch):
    def no_library(name):
        raise OSError(f"{name}: cannot open shared object file")

    monkeypatch.setattr(ctypes, "CDLL", no_library)
    assert devices.gpu_capabilities() == []
