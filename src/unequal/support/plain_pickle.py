"""Read a pickle from a stranger: plain values and numpy arrays only, nothing that runs."""

from __future__ import annotations

import pickle
import re
from pathlib import Path
from typing import Any

import numpy as np

from unequal.support.errors import InputError

_ELEMENT = re.compile(r"b1|[iu][1248]|f[48]|S[1-9]\d{0,8}|O8?")
_NUMPY_CORES = ("numpy.core", "numpy._core")
_DEEPEST = 4


def read_plain_pickle(path: str | Path) -> Any:
    """Read a pickle that holds nested lists of bytes, booleans, numbers and arrays.

    What Python 2 and 3 write is read, in every protocol. A str of Python 2 comes back as bytes, a
    tuple as a list. Every class or function that the pickle names is refused before anything of
    it is called. Those with which numpy and Python 3 write arrays and bytes are not called
    either: stand-ins rebuild the values from raw bytes.

    Raises:
        InputError: the file cannot be read, is no whole pickle, or asks for more.
    """
    try:
        with open(path, "rb") as stream:
            return _plain(_PlainUnpickler(stream, encoding="bytes").load(), _DEEPEST)
    except OSError as error:
        reason = error.strerror or type(error).__name__
        raise InputError(f"{path}: cannot be read ({reason}): check the path") from error
    except _Refused as error:
        raise InputError(
            f"{path}: refused, because this pickle asks for {error}; only lists, bytes, booleans, "
            "numbers and numpy arrays are read: get the file from another source"
        ) from error
    except Exception as error:  # a damaged pickle can make its reader raise anything
        reason = " ".join(str(error).split()) or type(error).__name__
        raise InputError(
            f"{path}: not a whole pickle ({reason}): copy or make the file again"
        ) from error


class _Refused(Exception):
    """The pickle names something that is not a plain value."""


class _PlainUnpickler(pickle.Unpickler):
    def find_class(self, module: str, name: str) -> Any:
        core, _, part = module.rpartition(".")
        if core in _NUMPY_CORES:
            module = f"core.{part}"
        try:
            return _STAND_INS[module, name]
        except KeyError:
            raise _Refused(f"{module}.{name}".replace("\n", " ")) from None


class _ElementType:
    """Stands in for numpy.dtype: an element's kind and byte order."""

    __slots__ = ("name", "order")

    def __init__(self, name: str | bytes, align: bool = False, copy: bool = True) -> None:
        self.name, self.order = _text(name), "="
        if not _ELEMENT.fullmatch(self.name):
            raise _Refused(f"numpy elements of type {self.name!r}")

    def __setstate__(self, state: tuple) -> None:
        _, order, subtype, names, fields = state[:5]
        if (subtype, names, fields) != (None, None, None):
            raise _Refused("a structured numpy array")
        self.order = _text(order)
        if self.order not in tuple("<>=|"):
            raise _Refused(f"the byte order {self.order!r}")

    def array(self, raw: Any, shape: tuple, is_fortran: bool) -> Any:
        """Return the values of an array: a list of objects, or an array made of raw bytes."""
        if self.name.startswith("O"):
            if not isinstance(raw, list) or len(shape) != 1:
                raise _Refused("numpy objects in more than one dimension")
            return raw
        raw = raw.encode("latin1") if isinstance(raw, str) else raw
        kind = np.dtype(self.order + self.name)
        return np.frombuffer(raw, kind).reshape(shape, order="F" if is_fortran else "C")


class _Array:
    """Stands in for the empty array that numpy's pickles make first and fill afterwards."""

    __slots__ = ("value",)

    def __init__(self, subtype: Any = None, shape: Any = None, kind: Any = None) -> None:
        self.value: Any = None

    def __setstate__(self, state: tuple) -> None:
        shape, kind, is_fortran, raw = state[-4:]
        self.value = kind.array(raw, shape, is_fortran)


class _BufferArray(_Array):
    """Stands in for the function of numpy's pickles of protocol 5."""

    __slots__ = ()

    def __init__(self, raw: Any, kind: _ElementType, shape: tuple, order: str) -> None:
        self.value = kind.array(raw, shape, order == "F")


class _Scalar(_Array):
    """Stands in for the function that makes a numpy.bool_ and its like."""

    __slots__ = ()

    def __init__(self, kind: _ElementType, raw: Any) -> None:
        self.value = kind.array(raw, (1,), False)[0]


class _Latin1:
    """Stands in for codecs.encode, by which Python 3 writes bytes that Python 2 can read."""

    def __new__(cls, text: str, encoding: str) -> bytes:  # type: ignore[misc]  # no instance
        if encoding not in ("latin1", "latin-1"):
            raise _Refused(f"the encoding {encoding!r}")
        return text.encode("latin1")

    def __setstate__(self, state: Any) -> None:
        raise _Refused("a change of codecs.encode")


_STAND_INS = {
    ("_codecs", "encode"): _Latin1,
    ("numpy", "dtype"): _ElementType,
    # only ever the argument of _reconstruct; a text, so that it cannot be called
    ("numpy", "ndarray"): "numpy.ndarray",
    ("core.multiarray", "_reconstruct"): _Array,
    ("core.multiarray", "scalar"): _Scalar,
    ("core.numeric", "_frombuffer"): _BufferArray,
}


def _text(value: str | bytes) -> str:
    return value.decode("ascii") if isinstance(value, bytes) else value


def _plain(value: Any, depth: int) -> Any:
    """Return a value with arrays in place of stand-ins, which are looked for down to `depth`."""
    if isinstance(value, _Array):
        value = value.value
    if isinstance(value, (list, tuple)) and depth:
        return [_plain(entry, depth - 1) for entry in value]
    return value
