"""What has to be settled in a process before `import mxnet`: threads, defaults, CUDA libraries.

`import unequal` calls `prepare`. A value that the user has set in the environment always wins.
"""

from __future__ import annotations

import ctypes
import importlib.abc
import os
import sys
from importlib import metadata
from importlib.util import find_spec
from pathlib import Path
from typing import Iterable, MutableMapping

from unequal.support.errors import InputError

GPU_BUILD = "mxnet-cu112"
DRIVER = "libcuda.so.1"
CUDA_LIBRARIES = (
    "libcudart.so.11.0",
    "libnvrtc.so.11.2",
    "libcublasLt.so.11",
    "libcublas.so.11",
    "libcufft.so.10",
    "libcurand.so.10",
    "libcusolver.so.11",
    "libcudnn.so.8",
    "libnccl.so.2",
    "libnvToolsExt.so.1",
)


def prepare(environ: MutableMapping[str, str] = os.environ) -> None:
    """Set MXNet's defaults in `environ` and load the CUDA libraries of the gpu extra.

    Never raises and never prints. Threads and libraries are fixed once `mxnet` has been
    imported, so then only the default that is read later is set.
    """
    # With oneDNN's subgraphs, the second forward of a Module bound for inference on the CPU dies
    # for some networks, y1 for one ("can't generate TBlob for MKLDNN data"), whatever the batch
    # size. Gluon blocks do not meet it; users' Module code does. MXNet reads this at every bind.
    environ.setdefault("MXNET_SUBGRAPH_BACKEND", "NONE")
    _without_primitive_cache(environ)
    if "mxnet" in sys.modules:
        return
    # On Intel MXNet takes half of the processors, for it believes them to be hyper-threads.
    environ.setdefault("OMP_NUM_THREADS", str(usable_cores()))
    if not gpu_build_installed():
        return
    # The wheels' cuDNN is newer than the one MXNet was built with: compatible, but warned about.
    environ.setdefault("MXNET_CUDNN_LIB_CHECKING", "0")
    missing = load_libraries((DRIVER,) + CUDA_LIBRARIES, wheel_folders())
    if missing:
        sys.meta_path.insert(0, _ExplainMissing(missing))


def _without_primitive_cache(environ: MutableMapping[str, str]) -> None:
    """Keep MXNet's oneDNN, 2.4, from giving one BatchNorm the layout of another; read at first use.

    Its cache compares layouts without the strides of sides of length 1. After a BatchNorm in
    inference over maps of 1x1 pixels that lie channels last (on processors with AVX-512), one over
    as many embeddings of as many features gets the primitive of the maps, whose layout MXNet cannot
    give it: a segmentation fault. MXNet keeps most primitives by itself; without the cache small
    networks of its own operators take up to twice as long, large ones some 1.05 to 1.15 times.
    The compiled operator's oneDNN, which obeys the other name first, has its cache.
    """
    if "DNNL_PRIMITIVE_CACHE_CAPACITY" not in environ:
        environ["DNNL_PRIMITIVE_CACHE_CAPACITY"] = "0"
        environ.setdefault("ONEDNN_PRIMITIVE_CACHE_CAPACITY", "1024")


def usable_cores(control_groups: Path = Path("/sys/fs/cgroup")) -> int:
    """Processors this process may use at once: its affinity, or a container's quota if smaller."""
    if hasattr(os, "sched_getaffinity"):
        cores = len(os.sched_getaffinity(0))
    else:
        cores = os.cpu_count() or 1
    quota = _cpu_quota(control_groups)
    if quota is not None:
        cores = min(cores, int(quota))
    return max(cores, 1)


def _cpu_quota(control_groups: Path) -> float | None:
    """The container's processor quota in cores (control groups version 2, then 1), if any."""
    try:
        limit, period = (control_groups / "cpu.max").read_text().split()
    except (OSError, ValueError):
        try:
            limit = (control_groups / "cpu" / "cpu.cfs_quota_us").read_text()
            period = (control_groups / "cpu" / "cpu.cfs_period_us").read_text()
        except OSError:
            return None
    try:
        quota = int(limit) / int(period)
    except (ValueError, ZeroDivisionError):  # "max": no quota
        return None
    return quota if quota > 0 else None


def gpu_build_installed() -> bool:
    """Whether MXNet was installed from the wheel that needs the CUDA 11 libraries."""
    try:
        metadata.distribution(GPU_BUILD)
    except metadata.PackageNotFoundError:
        return False
    return True


def wheel_folders() -> list[Path]:
    """The `lib` folders of the nvidia-*-cu11 wheels, which all install into `nvidia`."""
    spec = find_spec("nvidia")
    places = [] if spec is None else list(spec.submodule_search_locations or [])
    return sorted(folder for place in places for folder in Path(place).glob("*/lib"))


def load_libraries(names: Iterable[str], folders: Iterable[Path]) -> tuple[str, ...]:
    """Load each shared library for the whole process: from `folders`, else from the system.

    Returns the names that could not be loaded, in order.
    """
    folders = list(folders)
    return tuple(name for name in names if not _load(name, folders))


def _load(name: str, folders: list[Path]) -> bool:
    in_wheels = [str(folder / name) for folder in folders if (folder / name).is_file()]
    for path in in_wheels + [name]:
        try:
            ctypes.CDLL(path, mode=ctypes.RTLD_GLOBAL)
        except OSError:
            continue
        return True
    return False


def missing_libraries_message(missing: tuple[str, ...]) -> str:
    """One line: which libraries the GPU build of MXNet does not find, and the mend."""
    if DRIVER in missing:
        return (
            f"{GPU_BUILD} is installed, but the NVIDIA driver ({DRIVER}) is not there: "
            "on a machine without a GPU install the CPU build with `make setup`"
        )
    return (
        f"{GPU_BUILD} is installed, but {', '.join(missing)} cannot be loaded: "
        "install the CUDA libraries with `make setup GPU=1`"
    )


class _ExplainMissing(importlib.abc.MetaPathFinder):
    """Refuses `import mxnet`, which would end in a bare linker message, with the mend."""

    def __init__(self, missing: tuple[str, ...]) -> None:
        self.missing = missing

    def find_spec(self, fullname, path=None, target=None):
        if fullname == "mxnet":
            raise InputError(missing_libraries_message(self.missing))
        return None
