"""A checkpoint as a function: the golden embeddings, any number of images, and damaged files."""

from __future__ import annotations

import json
import os
import shutil

import mxnet as mx
import numpy as np
import pytest

from eval.verification_parts.verification_set import load_bin
from unequal.checkpoints.checkpoint import Checkpoint
from unequal.checkpoints.embedder import load_embedder
from unequal.support.errors import InputError

NETWORK = "r18narrow32_emb32"


@pytest.fixture
def prefix(golden) -> str:
    return str(golden / "a_nets" / NETWORK)


@pytest.fixture
def faces(golden) -> np.ndarray:
    return next(load_bin(golden / "e_verification" / "lfw_py2_32px.bin").batches(120))


@pytest.fixture
def expected(golden) -> np.ndarray:
    numbers = np.load(golden / "e_verification" / "verification.npz")
    return numbers["lfw_py2_32px/embeddings"]


@pytest.fixture
def copy(prefix, tmp_path):
    """The prefix of a checkpoint, epoch 7, that a test may damage."""
    shutil.copy(f"{prefix}-symbol.json", tmp_path / "model-symbol.json")
    shutil.copy(f"{prefix}-0000.params", tmp_path / "model-0007.params")
    return str(tmp_path / "model")


def close(found, expected):
    assert found.dtype == np.float32 and found.shape == expected.shape
    np.testing.assert_allclose(found, expected, rtol=0, atol=1e-5 * np.abs(expected).max())


def test_golden_embeddings_of_any_number_of_images_from_call_to_call(prefix, faces, expected):
    embed = load_embedder(Checkpoint(prefix, 0))
    for count in (64, 1, 100, 64, 10, 1, 32, 120):
        for rows in (slice(0, count), slice(120 - count, 120)):
            close(embed(faces[rows]), expected[rows])


def test_the_head_of_a_training_graph_is_left_out(copy, faces, expected):
    embedding, arguments, auxiliary = mx.model.load_checkpoint(copy, 7)
    logits = mx.sym.FullyConnected(embedding, num_hidden=7, no_bias=True, name="fc7")
    label = mx.sym.var("softmax_label")
    loss = mx.sym.SoftmaxOutput(logits, label, name="softmax")
    whole = mx.sym.Group([mx.sym.BlockGrad(embedding, name="blockgrad0"), loss])
    arguments["fc7_weight"] = mx.nd.ones((7, 32))
    arguments["of_another_network_weight"] = mx.nd.ones((1,))
    mx.model.save_checkpoint(copy, 7, whole, arguments, auxiliary)
    for layer in ("fc1_output", "blockgrad0_output"):
        close(load_embedder(Checkpoint(copy, 7), layer=layer)(faces[:5]), expected[:5])


def test_dropout_is_off_and_a_map_is_flattened(copy, faces):
    embed = load_embedder(Checkpoint(copy, 7), layer="dropout2_output")
    first = embed(faces[:3])
    assert first.shape == (3, 128)
    np.testing.assert_array_equal(first, embed(faces[:3]))


def test_half_precision_parameters(copy, faces, expected):
    saved = mx.nd.load(f"{copy}-0007.params")
    mx.nd.save(f"{copy}-0007.params", {k: v.astype("float16") for k, v in saved.items()})
    found = load_embedder(Checkpoint(copy, 7))(faces[:5])
    np.testing.assert_allclose(found, expected[:5], atol=0.02 * np.abs(expected).max())


@pytest.mark.parametrize("missing", ["symbol.json", "0007.params"])
def test_a_missing_file_is_told(copy, missing):
    os.remove(f"{copy}-{missing}")
    with pytest.raises(InputError, match=f"model-{missing}: no such file"):
        load_embedder(Checkpoint(copy, 7))


@pytest.mark.parametrize("share", [0, 0.0001, 0.5, 0.999])
def test_truncated_parameters_are_told(copy, share):
    path = f"{copy}-0007.params"
    with open(path, "rb") as stream:
        content = stream.read()
    with open(path, "wb") as stream:
        stream.write(content[: int(share * len(content))])
    with pytest.raises(InputError, match=r"model-0007\.params: truncated"):
        load_embedder(Checkpoint(copy, 7))


@pytest.mark.parametrize("content", ["", "{", "[]", '{"nodes": []}'])
def test_a_damaged_symbol_is_told(copy, content):
    with open(f"{copy}-symbol.json", "w") as stream:
        stream.write(content)
    with pytest.raises(InputError, match=r"model-symbol\.json: ") as caught:
        load_embedder(Checkpoint(copy, 7))
    assert "\n" not in str(caught.value)


def test_an_output_that_the_graph_lacks_is_told(copy):
    with pytest.raises(InputError, match=r"model-symbol\.json: has no output fc9_output.*pre_fc1"):
        load_embedder(Checkpoint(copy, 7), layer="fc9_output")


def test_a_graph_without_an_image_input_is_told(copy):
    with open(f"{copy}-symbol.json") as stream:
        graph = json.load(stream)
    next(node for node in graph["nodes"] if node["name"] == "data")["name"] = "picture"
    with open(f"{copy}-symbol.json", "w") as stream:
        json.dump(graph, stream)
    with pytest.raises(InputError, match="'data'"):
        load_embedder(Checkpoint(copy, 7))


def test_lacking_parameters_are_told(copy):
    saved = mx.nd.load(f"{copy}-0007.params")
    kept = {k: v for k, v in saved.items() if "conv1" not in k and k != "aux:fc1_moving_var"}
    mx.nd.save(f"{copy}-0007.params", kept)
    pattern = r"model-0007\.params: lacks fc1_moving_var, .* and 10 more"
    with pytest.raises(InputError, match=pattern):
        load_embedder(Checkpoint(copy, 7))


def test_parameters_without_names_are_told(copy):
    mx.nd.save(f"{copy}-0007.params", [mx.nd.ones((1,))])
    with pytest.raises(InputError, match="no names"):
        load_embedder(Checkpoint(copy, 7))


def test_images_of_a_size_or_layout_that_does_not_fit_are_told(prefix, faces, expected):
    embed = load_embedder(Checkpoint(prefix, 0))
    with pytest.raises(InputError, match=r"-0000\.params: does not take images of 112x96") as told:
        embed(np.zeros((2, 3, 112, 96), np.uint8))
    assert "\n" not in str(told.value)
    with pytest.raises(InputError, match=r"\(2, 32, 32, 3\): give \(n, 3, height, width\)"):
        embed(np.zeros((2, 32, 32, 3), np.uint8))
    close(embed(faces[:2]), expected[:2])


def test_official_y1_with_every_number_of_images(shared):
    # in a Module with oneDNN's subgraphs y1 fails at the second forward, whatever the batch
    embed = load_embedder(Checkpoint(str(shared / "real" / "y1" / "model"), 0))
    faces = next(load_bin(shared / "real" / "lfw_600.bin", (112, 112)).batches(64))
    whole = embed(faces)
    assert whole.shape == (64, 128)
    for count in (32, 10, 1, 1, 10):
        np.testing.assert_allclose(embed(faces[:count]), whole[:count], atol=1e-4)
