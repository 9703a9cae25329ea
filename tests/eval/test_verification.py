"""Testing a model on a set: the golden figures, for any batch size, and what the model is shown."""

from __future__ import annotations

import json

import numpy as np
import pytest

from eval import verification
from unequal.checkpoints.checkpoint import Checkpoint
from unequal.checkpoints.embedder import load_embedder
from unequal.support.errors import InputError


@pytest.fixture
def golden_set(golden):
    return verification.load_bin(golden / "e_verification" / "lfw_py2_32px.bin", (32, 32))


def mean_colours(images: np.ndarray) -> np.ndarray:
    """An embedding that knows left from right: mean colour of the left half."""
    return images[:, :, :, :16].mean(axis=(2, 3))


@pytest.mark.parametrize("batch_size", [10, 16, 120, 121])
@pytest.mark.parametrize("name", ["lfw_py2_32px", "lfw_py3_protocol2_32px"])
def test_golden_figures(golden, name, batch_size):
    folder = golden / "e_verification"
    numbers = json.loads((folder / "meta.json").read_text())
    # the 2019 code fails with more images to a batch than there are
    expected = numbers[f"test {name} batch {min(batch_size, 120)}"]
    embed = load_embedder(Checkpoint(str(golden / "a_nets" / "r18narrow32_emb32"), 0))
    result = verification.test(verification.load_bin(folder / f"{name}.bin"), embed, batch_size)
    for key in ("acc2", "std2", "xnorm"):
        assert getattr(result, key) == pytest.approx(expected[key], abs=1e-6), key


def test_golden_embeddings_of_image_and_mirror_image_are_added(golden, golden_set):
    numbers = np.load(golden / "e_verification" / "verification.npz")
    plain, mirrored = numbers["lfw_py2_32px/embeddings"], numbers["lfw_py2_32px/embeddings_flip"]
    expected = plain + mirrored
    expected /= np.linalg.norm(expected, axis=1, keepdims=True)
    embed = load_embedder(Checkpoint(str(golden / "a_nets" / "r18narrow32_emb32"), 0))
    result = verification.test(golden_set, embed, 50)
    assert result.embeddings.dtype == np.float64 and result.seconds > 0
    np.testing.assert_allclose(result.embeddings, expected, rtol=0, atol=1e-5)


@pytest.mark.parametrize("batch_size", [1, 7, 120, 500])
def test_the_model_sees_one_shape_and_each_image_and_its_mirror_image(golden_set, batch_size):
    seen = []

    def embed(images):
        assert images.dtype == np.uint8 and images.flags.c_contiguous
        seen.append(images.copy())
        return mean_colours(images)

    done = []
    result = verification.test(golden_set, embed, batch_size, progress=done.append)
    assert {images.shape for images in seen} == {(batch_size, 3, 32, 32)}
    assert sum(done) == 120
    faces = next(golden_set.batches(120))
    np.testing.assert_array_equal(np.concatenate(seen[0::2])[:120], faces)
    np.testing.assert_array_equal(np.concatenate(seen[1::2])[:120], faces[:, :, :, ::-1])
    plain, mirrored = mean_colours(faces), mean_colours(faces[:, :, :, ::-1])
    lengths = np.linalg.norm(np.concatenate([plain, mirrored]), axis=1)
    assert result.xnorm == pytest.approx(lengths.mean(), abs=1e-9)
    assert result.embeddings.shape == (120, 3)


def test_a_model_that_gives_zeros_does_not_crash(golden_set):
    result = verification.test(golden_set, lambda images: np.zeros((len(images), 4)), 64)
    assert result.xnorm == 0.0 and not result.embeddings.any()
    assert 0.0 <= result.acc2 <= 1.0


def test_the_number_of_folds(golden_set):
    assert verification.test(golden_set, mean_colours, 60, nrof_folds=1).std2 == 0.0


def test_a_batch_size_of_nothing_is_told(golden_set):
    with pytest.raises(InputError, match="batch size of 0"):
        verification.test(golden_set, mean_colours, 0)


def test_real_set_of_same_pairs_only(shared):
    loaded = verification.load_bin(shared / "real" / "numpy_entries_10.bin")
    result = verification.test(loaded, mean_colours, 32)
    assert 0.0 <= result.acc2 <= 1.0 and np.isnan(result.val)
