"""Compile the operator of this folder for the MXNet and the oneDNN that are installed.

    python -m unequal.build

``make setup`` calls it. It needs a C++17 compiler (``g++``, or what ``CXX`` names) and the package
``onednn-devel-cpu-gomp``. The library's name carries hashes of what it was built against
and of its sources, so that one of another version is never loaded.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import platform
import shlex
import shutil
import subprocess
import tempfile
from functools import lru_cache
from importlib import metadata
from importlib.util import find_spec
from pathlib import Path

HERE = Path(__file__).resolve().parent
SOURCES = HERE / "source"
HEADERS, LIBRARY = "onednn-devel-cpu-gomp", "onednn-cpu-gomp"
FLAGS = (
    "-std=c++17",
    "-O3",
    "-fno-trapping-math",
    "-fPIC",
    "-shared",
    "-fopenmp",
    "-Wl,--no-undefined",
)


class Unavailable(Exception):
    """Why there can be no compiled operator here; one line."""


def _file_of(package: str, ending: str) -> Path:
    """Return a file of an installed package; raise Unavailable where there is none."""
    try:
        files = metadata.files(package) or []
    except metadata.PackageNotFoundError:
        files = []
    for file in files:
        if str(file).endswith(ending):
            return Path(str(file.locate())).resolve()
    raise Unavailable(f"{package} is not installed")


def _mxnet() -> Path:
    spec = find_spec("mxnet")
    if spec is None or spec.origin is None:
        raise Unavailable("mxnet is not installed")
    return Path(spec.origin).parent


def _version(*packages: str) -> str:
    for package in packages:
        try:
            return f"{package} {metadata.version(package)}"
        except metadata.PackageNotFoundError:
            continue
    return f"{packages[0]} of no package"


@lru_cache(maxsize=None)
def library_file() -> Path:
    """Return where the library of the present sources and packages lies, built or not.

    Raises:
        Unavailable: the processor is not an x86-64, or oneDNN is not installed.
    """
    if platform.machine() not in ("x86_64", "AMD64"):
        raise Unavailable(f"it is for x86-64, this is {platform.machine()}")
    against = hashlib.sha256(_version("mxnet", "mxnet-cu112").encode())
    against.update(_version(LIBRARY).encode() + str(_file_of(LIBRARY, "libdnnl.so.3")).encode())
    sources = hashlib.sha256()
    for path in sorted(SOURCES.iterdir()):
        sources.update(path.name.encode() + path.read_bytes())
    return HERE / f"unequal_network-{against.hexdigest()[:8]}-{sources.hexdigest()[:16]}.so"


def build() -> Path:
    """Compile the operator, unless that was done before, and return its file.

    Raises:
        Unavailable: one line that says why it cannot be compiled.
    """
    target = library_file()
    if target.is_file():
        return target
    compiler = (
        shlex.split(os.environ.get("CXX", ""))
        or [found for found in map(shutil.which, ("g++", "c++")) if found][:1]
    )
    if not compiler:
        raise Unavailable("no C++ compiler: install g++")
    mxnet, dnnl = _mxnet(), _file_of(LIBRARY, "libdnnl.so.3")
    include = _file_of(HEADERS, "oneapi/dnnl/dnnl.hpp").parents[2]
    try:
        with tempfile.TemporaryDirectory(dir=HERE, prefix=".building-") as folder:
            made = Path(folder) / target.name
            command = [
                *compiler,
                *FLAGS,
                f"-I{include}",
                f"-I{mxnet / 'include'}",
                *map(str, sorted(SOURCES.glob("*.cc"))),
                str(mxnet / "src" / "lib_api.cc"),
                str(dnnl),
                f"-Wl,-rpath,{dnnl.parent}",
                "-o",
                str(made),
            ]
            done = subprocess.run(
                command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
            )
            if done.returncode != 0:
                told = [line for line in done.stdout.splitlines() if "error" in line]
                raise Unavailable(f"{compiler[0]} failed: {(told or ['no message'])[0]}")
            made.replace(target)
    except OSError as error:
        raise Unavailable(f"{error.filename or HERE}: {error.strerror}") from error
    # those of older sources, not those of another environment on the same checkout
    for old in HERE.glob(f"{target.stem.rpartition('-')[0]}-*.so"):
        if old != target:
            with contextlib.suppress(OSError):  # another's file, or gone by now: it does no harm
                old.unlink()
    return target
