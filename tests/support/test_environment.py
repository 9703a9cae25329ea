"""What `import unequal` settles before MXNet is imported."""

from __future__ import annotations

import ctypes
import importlib.util
import os
import subprocess
import sys

import pytest

from unequal.support import environment as preload
from unequal.support.errors import InputError


@pytest.fixture
def before_mxnet(monkeypatch):
    """As in a process that has not imported MXNet yet, on a machine with the CPU build."""
    monkeypatch.delitem(sys.modules, "mxnet", raising=False)
    monkeypatch.setattr(sys, "meta_path", list(sys.meta_path))
    monkeypatch.setattr(preload, "gpu_build_installed", lambda: False)


def test_threads_default_to_the_cores_of_the_process(before_mxnet):
    environ = {}
    preload.prepare(environ)
    assert environ["OMP_NUM_THREADS"] == str(preload.usable_cores())
    assert environ["MXNET_SUBGRAPH_BACKEND"] == "NONE"


def test_a_value_of_the_user_wins(before_mxnet):
    given = {
        "OMP_NUM_THREADS": "7",
        "MXNET_SUBGRAPH_BACKEND": "MKLDNN",
        "DNNL_PRIMITIVE_CACHE_CAPACITY": "5",
    }
    environ = dict(given)
    preload.prepare(environ)
    assert environ == given


def test_nothing_is_done_about_threads_and_libraries_after_mxnet(monkeypatch):
    monkeypatch.setitem(sys.modules, "mxnet", object())
    monkeypatch.setattr(preload, "load_libraries", lambda *_: pytest.fail("too late to load"))
    environ = {}
    preload.prepare(environ)
    assert set(environ) == {
        "MXNET_SUBGRAPH_BACKEND",
        "DNNL_PRIMITIVE_CACHE_CAPACITY",
        "ONEDNN_PRIMITIVE_CACHE_CAPACITY",
    }


def test_importing_unequal_sets_the_threads_and_imports_nothing_heavy():
    environ = {key: value for key, value in os.environ.items() if key != "OMP_NUM_THREADS"}
    program = (
        "import os, sys, unequal\n"
        "print(os.environ['OMP_NUM_THREADS'], 'mxnet' in sys.modules, 'numpy' in sys.modules)"
    )
    command = [sys.executable, "-c", program]
    result = subprocess.run(command, env=environ, stdout=subprocess.PIPE, check=True)
    assert result.stdout.decode().split() == [str(preload.usable_cores()), "False", "False"]


@pytest.mark.parametrize(
    "files, cores",
    [
        ({}, 4),
        ({"cpu.max": "150000 100000\n"}, 1),
        ({"cpu.max": "50000 100000\n"}, 1),
        ({"cpu.max": "300000 100000\n"}, 3),
        ({"cpu.max": "900000 100000\n"}, 4),
        ({"cpu.max": "max 100000\n"}, 4),
        ({"cpu.max": "nonsense\n"}, 4),
        ({"cpu/cpu.cfs_quota_us": "200000\n", "cpu/cpu.cfs_period_us": "100000\n"}, 2),
        ({"cpu/cpu.cfs_quota_us": "-1\n", "cpu/cpu.cfs_period_us": "100000\n"}, 4),
    ],
)
def test_cores_are_the_affinity_or_a_smaller_quota(monkeypatch, tmp_path, files, cores):
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: {0, 1, 2, 3}, raising=False)
    for name, text in files.items():
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(text)
    assert preload.usable_cores(tmp_path) == cores


class FakeLinker:
    """Stands for ctypes.CDLL: loads what it was told to have, and keeps what was loaded how."""

    def __init__(self, *available: str) -> None:
        self.available = available
        self.loaded = []

    def __call__(self, name, mode=None):
        if name not in self.available:
            raise OSError(f"{name}: cannot open shared object file")
        self.loaded.append((name, mode))


def test_libraries_come_from_the_wheels_and_else_from_the_system(monkeypatch, tmp_path):
    in_wheel = tmp_path / "cudnn" / "lib" / "libcudnn.so.8"
    in_wheel.parent.mkdir(parents=True)
    in_wheel.touch()
    linker = FakeLinker(str(in_wheel), "libcudnn.so.8", "libnccl.so.2")
    monkeypatch.setattr(ctypes, "CDLL", linker)
    names = ["libcudnn.so.8", "libnccl.so.2", "libcurand.so.10"]
    assert preload.load_libraries(names, [in_wheel.parent]) == ("libcurand.so.10",)
    assert linker.loaded == [
        (str(in_wheel), ctypes.RTLD_GLOBAL),
        ("libnccl.so.2", ctypes.RTLD_GLOBAL),
    ]


@pytest.mark.parametrize("regular", [False, True])  # some of the wheels bring an __init__.py
def test_the_wheels_folders_are_found_in_the_package_they_share(monkeypatch, tmp_path, regular):
    shared = tmp_path / "wheels_of_a_test"
    for part in ("cudnn", "nccl"):
        (shared / part / "lib").mkdir(parents=True)
    (shared / "headers_only" / "include").mkdir(parents=True)
    if regular:
        (shared / "__init__.py").write_text("raise AssertionError('must not be run')")
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.setattr(preload, "find_spec", lambda _: importlib.util.find_spec(shared.name))
    assert preload.wheel_folders() == [shared / "cudnn" / "lib", shared / "nccl" / "lib"]


def test_no_wheels_is_no_folder(monkeypatch):
    monkeypatch.setattr(preload, "find_spec", lambda _: None)
    assert preload.wheel_folders() == []


def test_the_gpu_build_loads_driver_and_libraries(before_mxnet, monkeypatch):
    asked = []
    monkeypatch.setattr(preload, "gpu_build_installed", lambda: True)
    monkeypatch.setattr(preload, "load_libraries", lambda names, _: asked.extend(names) or ())
    finders, environ = list(sys.meta_path), {}
    preload.prepare(environ)
    assert asked == [preload.DRIVER, *preload.CUDA_LIBRARIES]
    assert environ["MXNET_CUDNN_LIB_CHECKING"] == "0"
    assert sys.meta_path == finders


@pytest.mark.parametrize(
    "missing, fix",
    [
        (("libcuda.so.1",), "CPU build with `make setup`"),
        (("libcuda.so.1", "libcudnn.so.8"), "CPU build with `make setup`"),
        (("libcudnn.so.8", "libnccl.so.2"), "libcudnn.so.8, libnccl.so.2 cannot be loaded"),
    ],
)
def test_importing_mxnet_without_its_libraries_tells_the_fix(
    before_mxnet, monkeypatch, missing, fix
):
    monkeypatch.setattr(preload, "gpu_build_installed", lambda: True)
    monkeypatch.setattr(preload, "load_libraries", lambda *_: missing)
    preload.prepare({})
    with pytest.raises(InputError) as caught:
        importlib.import_module("mxnet")
    assert fix in str(caught.value)
    assert "\n" not in str(caught.value)
