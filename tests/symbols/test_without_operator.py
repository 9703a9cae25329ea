"""Everything works without the compiled operator; why it is lacking is said in one line."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

import unequal.build
from operator_nets import needs_operator
from symbols import compiled
from symbols.compiled import build
from symbols.compiled.build import Unavailable, library_file

pytestmark = pytest.mark.slow

REPOSITORY = Path(__file__).resolve().parents[2]
EMBED = """
import sys

import unequal  # noqa: F401
import mxnet as mx
import numpy as np

from symbols.fresnet import resnet

for _ in range(2):  # what is to be said is said once
    network = resnet([1, 1], [16, 16, 24], 8, version_output="J")
    mx.random.seed(3)
    network.initialize(mx.init.Xavier())
    embedding = network(mx.nd.array(np.arange(3072).reshape((1, 3, 32, 32)) % 255)).asnumpy()
np.save(sys.argv[1], embedding)
"""


def python(
    *arguments: object, timeout: int = 120, **environment: str
) -> subprocess.CompletedProcess:
    given = {key: value for key, value in os.environ.items() if key != "UNEQUAL_COMPILED"}
    paths = os.pathsep.join([str(REPOSITORY), str(REPOSITORY / "src")])
    return subprocess.run(
        [sys.executable, "-W", "ignore", *map(str, arguments)],
        cwd=REPOSITORY,
        timeout=timeout,
        capture_output=True,
        text=True,
        env={**given, "PYTHONPATH": paths, "OMP_NUM_THREADS": "1", **environment},
    )


def embed(tmp_path: Path, **environment: str) -> tuple[np.ndarray, list]:
    """(embedding, what was said) of a process of its own."""
    output = tmp_path / f"{len(list(tmp_path.iterdir()))}.npy"
    done = python("-c", EMBED, output, **environment)
    assert done.returncode == 0, done.stderr
    assert not done.stdout
    return np.load(output), done.stderr.splitlines()


def same(one: np.ndarray, other: np.ndarray) -> bool:
    return np.abs(one - other).max() <= 1e-5 * np.abs(other).max()


@pytest.fixture(scope="module")
def plain(tmp_path_factory) -> np.ndarray:
    embedding, said = embed(tmp_path_factory.mktemp("plain"), UNEQUAL_COMPILED="0")
    assert said == []
    return embedding


@needs_operator
def test_switched_off_it_gives_the_same_embedding_without_a_word(plain, tmp_path):
    embedding, said = embed(tmp_path)
    assert said == []
    assert same(embedding, plain)
    assert not np.array_equal(embedding, plain)  # else it was not used at all


@needs_operator
@pytest.mark.parametrize("content", [None, b"no library"], ids=["not built", "damaged"])
def test_a_library_that_is_lacking_is_said_in_one_line(content, tmp_path, monkeypatch, caplog):
    monkeypatch.setattr(build, "HERE", tmp_path)
    library_file.cache_clear()
    if content is not None:
        library_file().write_bytes(content)
    assert compiled.available.__wrapped__() is False
    library_file.cache_clear()
    (record,) = caplog.records
    assert "networks run slower" in record.getMessage()
    assert "\n" not in record.getMessage()


@needs_operator
@pytest.mark.parametrize("processor, threads", [("AVX2", 3), ("SSE41", 1)])
def test_older_processors_give_the_same_embedding(processor, threads, plain, tmp_path):
    embedding, said = embed(tmp_path, ONEDNN_MAX_CPU_ISA=processor, OMP_NUM_THREADS=str(threads))
    assert said == []
    assert same(embedding, plain)


FAILING = {
    "fails": "echo 'kernels.cc:1: error: no room' >&2; exit 1",
    "fails without a word": "exit 3",
    # the library's place is the word after -o
    "fails half-way": 'while [ "$1" != -o ]; do shift; done; echo half >"$2"; exit 1',
    "makes nothing": "exit 0",
}


@pytest.fixture
def builder(tmp_path, monkeypatch, capsys):
    """Runs `python -m unequal.build` in an empty folder, without a process of its own; returns
    (status, what was said) and the folder."""
    folder = tmp_path / "folder"
    folder.mkdir()
    monkeypatch.setattr(build, "HERE", folder)
    library_file.cache_clear()

    def run(**environment: str):
        for name, value in environment.items():
            monkeypatch.setenv(name, value)
        status = unequal.build.main()
        said = capsys.readouterr()
        assert said.out == ""
        return status, said.err.splitlines(), folder

    yield run
    library_file.cache_clear()


@needs_operator
@pytest.mark.parametrize("how", FAILING)
def test_a_compiler_that_fails_leaves_nothing(how, builder, tmp_path):
    compiler = tmp_path / "compiler"
    compiler.write_text(f"#!/bin/sh\n{FAILING[how]}\n")
    compiler.chmod(0o755)
    status, said, folder = builder(CXX=f"{compiler} -one -word")
    assert (status, len(said)) == (1, 1), said
    assert said[0].startswith("no compiled operator, networks will run slower: ")
    assert list(folder.iterdir()) == []


@needs_operator
def test_without_a_compiler_the_mend_is_named(builder, tmp_path):
    status, said, _ = builder(CXX="", PATH=str(tmp_path))
    assert (status, len(said)) == (1, 1)
    assert "install g++" in said[0]
    status, said, folder = builder(CXX="no-such-compiler")
    assert (status, len(said)) == (1, 1)
    assert "no-such-compiler" in said[0]
    assert list(folder.iterdir()) == []


@needs_operator
def test_what_is_built_is_not_built_again(monkeypatch, capsys):
    monkeypatch.setenv("CXX", "no-such-compiler")
    assert unequal.build.main() == 0
    assert tuple(capsys.readouterr()) == (f"compiled operator: {library_file()}\n", "")


def test_other_processors_have_none(monkeypatch):
    monkeypatch.setattr("platform.machine", lambda: "aarch64")
    with pytest.raises(Unavailable, match="x86-64, this is aarch64"):
        library_file.__wrapped__()
