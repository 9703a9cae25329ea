"""Reading pickles of strangers: plain values come out as they were, everything else is refused."""

from __future__ import annotations

import os
import pickle
import struct

import numpy as np
import pytest

from unequal.support.errors import InputError
from unequal.support.plain_pickle import read_plain_pickle

PROTOCOLS = range(pickle.HIGHEST_PROTOCOL + 1)


class _Runs:
    """Unpickles by calling a function with arguments."""

    def __init__(self, function, *arguments):
        self.call = function, arguments

    def __reduce__(self):
        return self.call


@pytest.fixture
def read(tmp_path):
    def read(content: bytes):
        path = tmp_path / "some.bin"
        path.write_bytes(content)
        return read_plain_pickle(path)

    return read


@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_plain_values_of_every_protocol(read, protocol):
    value = ([b"\xff\xd8\x00", b""], [True, False, 7, "text", 0.5, None])
    if protocol < 3:  # Python 3 writes empty bytes there as a call of `bytes`
        value[0].pop()
    assert read(pickle.dumps(value, protocol)) == [list(value[0]), list(value[1])]


@pytest.mark.parametrize("protocol", PROTOCOLS)
@pytest.mark.parametrize(
    "array",
    [
        np.arange(7, dtype=np.uint8),
        np.arange(7, dtype=np.uint8)[:, None],
        np.asfortranarray(np.arange(6, dtype=np.uint8).reshape(2, 3)),
        np.array([True, False, True]),
        np.arange(3, dtype=">i8"),
        np.array([1.0, 0.0], np.float32),
        np.array([b"one", b"other"]),
    ],
    ids=["bytes", "column", "fortran", "booleans", "big_endian", "floats", "texts"],
)
def test_arrays_keep_values_shape_and_type(read, protocol, array):
    [value] = read(pickle.dumps([array], protocol))
    assert value.dtype == array.dtype and value.shape == array.shape
    np.testing.assert_array_equal(value, array)


@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_numpy_booleans_and_arrays_of_objects(read, protocol):
    objects = np.empty(2, object)
    objects[:] = [b"first", np.arange(3, dtype=np.uint8)]
    flags, (first, second) = read(pickle.dumps(([np.True_, np.False_], objects), protocol))
    assert flags == [True, False] and first == b"first" and second.tolist() == [0, 1, 2]


def test_names_of_numpy_2(read):
    content = pickle.dumps([np.arange(3, dtype=np.uint8), np.True_], 2)
    renamed = content.replace(b"cnumpy.core.", b"cnumpy._core.")
    assert renamed != content
    array, flag = read(renamed)
    assert array.tolist() == [0, 1, 2] and flag


def test_arrays_of_python_2_whose_texts_are_bytes(read):
    def text(value: bytes) -> bytes:
        return b"U" + bytes([len(value)]) + value  # SHORT_BINSTRING, as only Python 2 writes

    jpeg = b"\xff\xd8\xff"
    content = (
        b"\x80\x02]cnumpy.core.multiarray\n_reconstruct\ncnumpy\nndarray\nK\x00\x85"
        + text(b"b") + b"\x87R(K\x01K\x03\x85cnumpy\ndtype\n" + text(b"u1") + b"K\x00K\x01\x87R"
        + b"(K\x03" + text(b"|") + b"NNNJ\xff\xff\xff\xffJ\xff\xff\xff\xffK\x00tb\x89"
        + text(jpeg) + b"tba."
    )  # fmt: skip
    [array] = read(content)
    assert array.dtype == np.uint8 and array.tobytes() == jpeg


@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_a_command_is_refused_and_not_run(read, tmp_path, protocol):
    trace = tmp_path / "trace"
    content = pickle.dumps(([b"image"], _Runs(os.system, f"touch {trace}")), protocol)
    pickle.loads(content)
    assert trace.exists(), "the pickle does not do what this test is about"
    trace.unlink()
    with pytest.raises(InputError, match=r"some\.bin: refused.*\.system"):
        read(content)
    assert not trace.exists()


@pytest.mark.parametrize(
    "named",
    [
        _Runs(eval, "1"),
        _Runs(bytes, 10**12),
        _Runs(np.ndarray, (10**12,)),
        _Runs(np.load, "/dev/null"),
        _Runs(np.core.multiarray.fromstring, "1 2", int, -1, " "),
        Exception("a class"),
        {1, 2}.union,
    ],
    ids=["eval", "bytes", "ndarray", "load", "fromstring", "instance", "method"],
)
def test_other_names_are_refused(read, named):
    with pytest.raises(InputError, match="some.bin"):
        read(pickle.dumps([named]))


@pytest.mark.parametrize(
    "kind",
    [np.dtype([("pointer", "O")]), np.dtype("M8[s]"), np.dtype("V8"), np.dtype(("u1", (2,)))],
    ids=["structure", "time", "void", "nested"],
)
def test_other_element_types_are_refused(read, kind):
    with pytest.raises(InputError, match="refused"):
        read(pickle.dumps(kind))


def test_an_encoding_other_than_latin1_is_refused(read):
    with pytest.raises(InputError, match="hex"):
        read(b"\x80\x02c_codecs\nencode\nX\x01\x00\x00\x00aX\x03\x00\x00\x00hex\x86R.")


def test_stand_ins_cannot_be_changed(read):
    # BUILD on what GLOBAL pushed would set attributes of a class for the rest of the process
    state = b"N}X\x07\x00\x00\x00__new__K\x01s\x86b."
    for name in (b"c_codecs\nencode\n", b"cnumpy\ndtype\n", b"cnumpy\nndarray\n"):
        with pytest.raises(InputError):
            read(b"\x80\x02" + name + state)
    assert read(pickle.dumps([b"bytes", np.ones(2)], 2))[0] == b"bytes"


@pytest.mark.parametrize("share", [0, 0.01, 0.5, 0.99])
def test_a_truncated_file_is_told(read, share):
    content = pickle.dumps([b"0123456789" * 100, np.arange(1000)])
    with pytest.raises(InputError, match=r"some\.bin: not a whole pickle"):
        read(content[: int(share * len(content))])


@pytest.mark.parametrize(
    "content",
    [b"no pickle", b"\x80\x04.", b"\x80\x02]a.", b"\x80\x02X" + struct.pack("<I", 2**31) + b"a."],
    ids=["text", "empty_stack", "no_value", "claims_too_much"],
)
def test_a_damaged_file_is_told(read, content):
    with pytest.raises(InputError, match="not a whole pickle") as caught:
        read(content)
    assert "\n" not in str(caught.value)


def test_a_missing_file_is_told(tmp_path):
    with pytest.raises(InputError, match=r"absent\.bin: cannot be read"):
        read_plain_pickle(tmp_path / "absent.bin")
