"""Choose the devices: those of CUDA_VISIBLE_DEVICES, as in the 2019 code, that MXNet can use.

MXNet's own count of GPUs cannot decide that. The mxnet-cu112 wheel holds machine code for compute
capability 5.0 to 8.x, and nothing that a driver could translate for newer GPUs. So on a Hopper GPU
the count is 1, and the first operation fails.
"""

from __future__ import annotations

import ctypes
import logging
import os
from typing import Callable, Mapping, Sequence, Tuple

import mxnet as mx

from unequal.support.environment import DRIVER
from unequal.support.errors import InputError

Capability = Tuple[int, int]

OLDEST_MAJOR, NEWEST_MAJOR = 5, 8
TRUST = "UNEQUAL_TRUST_GPU"

_CAPABILITY_MAJOR, _CAPABILITY_MINOR = 75, 76  # CUdevice_attribute of cuda.h


def usable_devices(
    environ: Mapping[str, str] = os.environ,
    capabilities: Sequence[Capability] | None = None,
    log: Callable[[str], None] = logging.getLogger(__name__).warning,
) -> list[mx.Context]:
    """Return the devices that the environment asks for and that this MXNet can compute on.

    CUDA_VISIBLE_DEVICES with n entries gives gpu(0) .. gpu(n-1), as in the 2019 code; '' and '-1'
    give the CPU; unset gives every usable GPU, else the CPU. A GPU is usable from compute
    capability 5.0 to 8.x, and always with UNEQUAL_TRUST_GPU=1 (an MXNet built for newer GPUs).

    Args:
        environ: The environment variables.
        capabilities: (major, minor) of each visible GPU; by default the driver is asked.
        log: Gets one line where there are GPUs, or the user named some, and none is usable.

    Raises:
        InputError: CUDA_VISIBLE_DEVICES names more GPUs than there are, or usable and unusable
            ones together. The number of devices changes the effective learning rate, so it is
            never changed silently.
    """
    visible = environ.get("CUDA_VISIBLE_DEVICES")
    names = None if visible is None else [name for name in visible.split(",") if name.strip()]
    if names == [] or names == ["-1"]:
        return [mx.cpu()]
    if not _is_gpu_build():
        if names is not None:
            log(
                f"CUDA_VISIBLE_DEVICES={visible} is set, but this MXNet is built for the CPU: "
                "using the CPU (install the GPU build with `make setup GPU=1`)"
            )
        return [mx.cpu()]
    found = list(gpu_capabilities() if capabilities is None else capabilities)
    if names is not None and len(found) < len(names):
        raise InputError(
            f"CUDA_VISIBLE_DEVICES={visible} names GPUs that are not there ({len(names)} named, "
            f"{len(found)} found): name those that nvidia-smi lists, or set it to '' for the CPU"
        )
    asked = found if names is None else found[: len(names)]
    trusted = environ.get(TRUST, "") not in ("", "0")
    usable = [index for index, gpu in enumerate(asked) if trusted or _has_machine_code(gpu)]
    unusable = [index for index in range(len(asked)) if index not in usable]
    if not usable:
        if asked:
            log(f"{_describe(asked, unusable)}: using the CPU ({TRUST}=1 to insist)")
        return [mx.cpu()]
    if unusable and names is not None:
        raise InputError(
            f"CUDA_VISIBLE_DEVICES={visible}: {_describe(asked, unusable)}; leave out "
            + ", ".join(names[index] for index in unusable)
        )
    if unusable:
        log(f"{_describe(asked, unusable)}: using the {len(usable)} other")
    return [mx.gpu(index) for index in usable]


def gpu_capabilities(driver: ctypes.CDLL | None = None) -> list[Capability]:
    """Return the compute capability (major, minor) of each GPU that the driver shows, in its order.

    The driver itself obeys the CUDA_VISIBLE_DEVICES of the process. The list is empty where there
    is no driver, or one that cannot start.
    """
    if driver is None:
        try:
            driver = ctypes.CDLL(DRIVER)
        except OSError:
            return []
    count = ctypes.c_int(0)
    if driver.cuInit(0) != 0 or driver.cuDeviceGetCount(ctypes.byref(count)) != 0:
        return []
    return [_capability(driver, ordinal) for ordinal in range(count.value)]


def _capability(driver: ctypes.CDLL, ordinal: int) -> Capability:
    device, major, minor = ctypes.c_int(0), ctypes.c_int(0), ctypes.c_int(0)
    failures = (
        driver.cuDeviceGet(ctypes.byref(device), ordinal)
        or driver.cuDeviceGetAttribute(ctypes.byref(major), _CAPABILITY_MAJOR, device)
        or driver.cuDeviceGetAttribute(ctypes.byref(minor), _CAPABILITY_MINOR, device)
    )
    # a GPU that does not answer keeps its place in the numbering and counts as unusable
    return (0, 0) if failures else (major.value, minor.value)


def _is_gpu_build() -> bool:
    return mx.runtime.Features().is_enabled("CUDA")


def _has_machine_code(capability: Capability) -> bool:
    return OLDEST_MAJOR <= capability[0] <= NEWEST_MAJOR


def _describe(capabilities: Sequence[Capability], unusable: Sequence[int]) -> str:
    listed = ", ".join(
        f"GPU {index} (compute capability {capabilities[index][0]}.{capabilities[index][1]})"
        for index in unusable
    )
    return f"MXNet's GPU build has machine code for capability 5.0 to 8.x only, not for {listed}"
