"""The pass over all images before step 2.2 trains, against the list that the 2019 code wrote."""

from __future__ import annotations

import mxnet as mx
import numpy as np
import pytest

from record_fixtures import write_face_set
from unequal.batches.noise_pass import find_noise
from unequal.faces.decoding import ImageLoader
from unequal.faces.face_records import FaceRecords
from unequal.faces.noise_list import NoiseRow, write_noise_list
from unequal.support.errors import InputError

TAGS = {
    "thr0": (0.0, 20),
    "thr0.4": (0.4, 20),
    "thr0.4_b7": (0.4, 7),
    "thr0.4_b20_2dev": (0.4, 20),
}


def quiet(line):
    pass


def logits_by_checkpoint(folder, batch_size):
    """`predict` by the checkpoint that the golden list was made with."""
    symbol, arguments, auxiliary = mx.model.load_checkpoint(str(folder / "model_t"), 0)
    logits = symbol.get_internals()["blockgrad1_output"]
    module = mx.mod.Module(logits, label_names=["softmax_label"], context=mx.cpu())
    module.bind(
        [("data", (batch_size, 3, 16, 16))], [("softmax_label", (batch_size,))], for_training=False
    )
    module.set_params(arguments, auxiliary, allow_extra=True)

    def predict(images, labels):
        batch = mx.io.DataBatch([mx.nd.array(images)], [mx.nd.array(labels)])
        module.forward(batch, is_train=False)
        return mx.nd.softmax(module.get_outputs()[0]).asnumpy()

    return predict


def made_up(loader, classes=3):
    """`predict` that is the less sure the brighter the image, and its probabilities by key."""
    by_pixels = {}

    def predict(images, labels):
        assert len(images) == len(labels)
        top = 1.0 / classes + (1 - 1.0 / classes) * images.mean(axis=(1, 2, 3)) / 255
        rest = (1 - top) / (classes - 1)
        probabilities = np.repeat(rest[:, None], classes, axis=1)
        probabilities[:, 1] = top
        for image, row in zip(images, probabilities):
            by_pixels[image.tobytes()] = row
        return probabilities.astype(np.float32)

    def of_key(key):
        (image,), _ = loader.load([key])
        return by_pixels[np.ascontiguousarray(image.transpose(2, 0, 1)).tobytes()]

    return predict, of_key


@pytest.fixture
def make(tmp_path):
    """Makes a loader of 11 images of 3 identities."""
    made = []

    def build(**options):
        folder = write_face_set(tmp_path / f"{len(made)}", [4, 4, 3], **options)
        made.append(ImageLoader(FaceRecords(folder), (3, 16, 16), workers=2))
        return made[-1]

    yield build
    for loader in made:
        loader.close()


@pytest.mark.parametrize("tag", TAGS)
def test_the_list_is_that_of_the_2019_code(golden, tmp_path, tag):
    folder = golden / "h_misc" / "mining"
    threshold, batch_size = TAGS[tag]
    records = FaceRecords(folder)
    loader = ImageLoader(records, (3, 16, 16))
    predict = logits_by_checkpoint(folder, batch_size)
    result = find_noise(loader, records.image_keys, predict, batch_size, threshold, quiet)
    loader.close()
    stored = np.load(golden / "h_misc" / "misc.npz")
    np.testing.assert_array_equal(result.kept, stored[f"mining/{tag}/kept"])
    write_noise_list(tmp_path / "0_noiselist.txt", result.flagged)
    ours, theirs = (
        [line.split() for line in (place / "0_noiselist.txt").read_text().splitlines()]
        for place in (tmp_path, folder / tag)
    )
    assert [row[:2] for row in ours] == [row[:2] for row in theirs]
    numbers = np.array([row[2:] for row in ours + [["0"] * 4]], float)
    wanted = np.array([row[2:] for row in theirs + [["0"] * 4]], float)
    np.testing.assert_allclose(numbers, wanted, rtol=0, atol=1e-5)


def test_lines_are_those_of_the_2019_code(golden):
    folder = golden / "h_misc" / "mining"
    records = FaceRecords(folder)
    loader = ImageLoader(records, (3, 16, 16))
    lines = []
    uniform = np.full((20, 20), 0.05, np.float32)
    find_noise(loader, records.image_keys, lambda images, labels: uniform, 20, 0.0, lines.append)
    loader.close()
    starts = [f"start bb,ba {first} {first + 20}" for first in range(0, 300, 20)]
    assert lines == starts + ["start bb,ba 300 300", "Initialize done:  300 300 0"]


@pytest.mark.parametrize("batch_size", [1, 4, 11, 30])
def test_kept_and_flagged_do_not_depend_on_the_batch(make, batch_size):
    loader = make()
    keys = loader.records.image_keys
    predict, of_key = made_up(loader)
    result = find_noise(loader, keys, predict, batch_size, 0.67, quiet)
    tops = {key: of_key(key).max() for key in keys.tolist()}
    assert result.kept.tolist() == [key for key in tops if tops[key] >= 0.67]
    assert [row.key for row in result.flagged] == [key for key in tops if tops[key] < 0.67]
    assert 0 < len(result.flagged) < 11
    for row in result.flagged:
        assert row.label == loader.records.read(row.key)[0]
        assert row.largest == pytest.approx(tops[row.key], abs=1e-6)
        assert row.of_label == pytest.approx(of_key(row.key)[row.label], abs=1e-6)


def test_a_probability_of_just_the_threshold_is_kept(make):
    loader = make()
    half = np.full((2, 3), 0.5, np.float32)
    assert not find_noise(loader, [1, 2], lambda images, labels: half, 2, 0.5, quiet).flagged


def test_bad_images_are_neither_kept_nor_flagged(make):
    loader = make(payloads={2: b"", 3: b"junk", 4: b"junk", 7: b"junk"})
    lines = []
    predict, _ = made_up(loader)
    result = find_noise(loader, loader.records.image_keys, predict, 2, 1.1, lines.append)
    assert result.kept.tolist() == []
    assert [row.key for row in result.flagged] == [1, 5, 6, 8, 9, 10, 11]
    assert lines[-1] == "Initialize done:  11 0 7"


def test_a_label_that_is_no_class_of_the_model_is_told(make):
    loader = make()
    with pytest.raises(InputError, match="record 9 has label 2, but `pretrained` knows 2 classes"):
        predict, _ = made_up(loader, classes=2)
        find_noise(loader, loader.records.image_keys, predict, 4, 0.5, quiet)


def test_probabilities_that_are_no_numbers_are_told(make):
    loader = make()
    with pytest.raises(InputError, match="not numbers"):
        find_noise(
            loader, [1, 2], lambda images, labels: np.full((len(images), 3), np.nan), 2, 0.5, quiet
        )


def test_numbers_are_written_as_short_as_float32_allows(tmp_path):
    rows = [
        NoiseRow(0, 1, np.float32(0.35151958), np.float32(0.3742676)),
        NoiseRow(3, 20, np.float32(0.1), np.float32(1e-5)),
    ]
    write_noise_list(tmp_path / "0_noiselist.txt", rows)
    text = (tmp_path / "0_noiselist.txt").read_text()
    assert text == "0 1 0.35151958 0.3742676\n3 20 0.1 1e-05\n"


def test_a_failing_write_leaves_the_old_list_and_nothing_else(tmp_path):
    path = tmp_path / "0_noiselist.txt"
    write_noise_list(path, [])

    def rows():
        yield NoiseRow(0, 1, np.float32(0.1), np.float32(0.1))
        raise RuntimeError("interrupted")

    with pytest.raises(RuntimeError):
        write_noise_list(path, rows())
    assert path.read_text() == "" and [p.name for p in tmp_path.iterdir()] == [path.name]
