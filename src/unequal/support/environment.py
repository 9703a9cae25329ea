"""Settle what a process needs before `import mxnet`: threads, defaults, CUDA libraries.

`import unequal` calls `prepare`. It never replaces a value that the user set in the environment.
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

    It never raises and never prints. After `mxnet` has been imported, threads and libraries are
    fixed; then it sets only the defaults that MXNet reads later.

    Args:
        environ: The environment variables to complete.
    """
    # With oneDNN's subgraphs, a Module bound for inference on the CPU dies at its second forward
    # for some networks, y1 among them ("can't generate TBlob for MKLDNN data"). Gluon blocks do
    # not, but users' Module code does. MXNet reads this variable at every bind.
    environ.setdefault("MXNET_SUBGRAPH_BACKEND", "NONE")
    _switch_off_primitive_cache(environ)
    if "mxnet" in sys.modules:
        return
    # On Intel, MXNet uses half of the processors, because it takes them for hyper-threads.
    environ.setdefault("OMP_NUM_THREADS", str(usable_cores()))
    if not gpu_build_installed():
        return
    # The wheels' cuDNN is newer than the one MXNet was built with; compatible, but MXNet warns.
    environ.setdefault("MXNET_CUDNN_LIB_CHECKING", "0")
    missing = load_libraries((DRIVER,) + CUDA_LIBRARIES, wheel_folders())
    if missing:
        sys.meta_path.insert(0, _ExplainMissing(missing))


def _switch_off_primitive_cache(environ: MutableMapping[str, str]) -> None:
    """Switch off the primitive cache of MXNet's oneDNN 2.4, which is read at the first use.

    The cache compares layouts, but not the strides of sides of length 1. So after a BatchNorm in
    inference over maps of 1x1 pixels that lie channels last (on processors with AVX-512), a
    BatchNorm over as many embeddings of as many features gets the primitive of the maps. MXNet
    cannot give it that layout: a segmentation fault. Without the cache, small networks on MXNet's
    own operators take up to twice as long, large ones 1.05 to 1.15 times. The oneDNN of the
    compiled operator reads the other name first and keeps its cache.
    """
    if "DNNL_PRIMITIVE_CACHE_CAPACITY" not in environ:
        environ["DNNL_PRIMITIVE_CACHE_CAPACITY"] = "0"
        environ.setdefault("ONEDNN_PRIMITIVE_CACHE_CAPACITY", "1024")


def usable_cores(control_groups: Path = Path("/sys/fs/cgroup")) -> int:
    """Return how many processors this process may use: its affinity or a container's quota."""
    if hasattr(os, "sched_getaffinity"):
        cores = len(os.sched_getaffinity(0))
    else:
        cores = os.cpu_count() or 1
    quota = _cpu_quota(control_groups)
    if quota is not None:
        cores = min(cores, int(quota))
    return max(cores, 1)


def _cpu_quota(control_groups: Path) -> float | None:
    """Return the container's processor quota in cores, if any (control groups version 2 or 1)."""
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
    """Tell whether MXNet was installed from the wheel that needs the CUDA 11 libraries."""
    try:
        metadata.distribution(GPU_BUILD)
    except metadata.PackageNotFoundError:
        return False
    return True


def wheel_folders() -> list[Path]:
    """Return the `lib` folders of the nvidia-*-cu11 wheels, which all install into `nvidia`."""
    spec = find_spec("nvidia")
    places = [] if spec is None else list(spec.submodule_search_locations or [])
    return sorted(folder for place in places for folder in Path(place).glob("*/lib"))


def load_libraries(names: Iterable[str], folders: Iterable[Path]) -> tuple[str, ...]:
    """Load each shared library for the whole process: from `folders`, else from the system.

    Returns:
        The names that could not be loaded, in order.
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
    """Return one line: which libraries the GPU build of MXNet does not find, and the fix."""
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
    """Refuse `import mxnet` with the fix; it would end in a bare linker message."""

    def __init__(self, missing: tuple[str, ...]) -> None:
        self.missing = missing

    def find_spec(self, fullname: str, path: object = None, target: object = None) -> None:
        """Raise InputError for `mxnet`; leave every other module to the other finders."""
        if fullname == "mxnet":
            raise InputError(missing_libraries_message(self.missing))
