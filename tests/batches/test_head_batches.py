"""The iterators over one set: batches, epochs, repeatability, what the 2019 ones did wrong."""

from __future__ import annotations

import logging

import mxnet as mx
import numpy as np
import pytest

from batch_checks import arrays, assert_same
from record_fixtures import encode, face, write_face_set, write_plain_set
from unequal.batches.head_batches import ImageIter, NoiseFilteringIter
from unequal.faces.decoding import decode_rgb
from unequal.faces.face_records import FaceRecords
from unequal.support.errors import InputError

SHAPE = (3, 16, 16)


@pytest.fixture
def make(tmp_path):
    """Makes iterators over a set of 22 images and closes them at the end."""
    made = []

    def build(*, kind=ImageIter, counts=(8, 7, 7), batch_size=5, payloads=None, **options):
        folder = tmp_path / f"set{len(made)}"
        records = FaceRecords(write_face_set(folder, counts, payloads=payloads))
        options.setdefault("log", lambda line: None)
        made.append(kind(records, batch_size, SHAPE, **options))
        return made[-1]

    yield build
    for iterator in made:
        iterator.close()


def keys_of(iterator, data):
    """Which record each unaugmented row is, by its pixels."""
    known = {}
    for key in iterator.records.image_keys.tolist():
        try:
            image = decode_rgb(iterator.records.read(key)[1])
        except ValueError:
            continue
        known[image.transpose(2, 0, 1).tobytes()] = key
    return [known[row.astype(np.uint8).tobytes()] for row in data]


def test_shapes_types_and_names(make):
    for augment, cutoff, dtype in (
        ("plain", 0, "uint8"),
        ("plain", 4, "float32"),
        ("colour", 0, "float32"),
    ):
        iterator = make(augment=augment, cutoff=cutoff)
        assert iterator.provide_data == [("data", (5,) + SHAPE)]
        assert iterator.provide_label == [("softmax_label", (5,))]
        assert iterator.batch_size == 5
        batch = iterator.next()
        assert batch.data[0].shape == (5,) + SHAPE and batch.data[0].dtype == np.dtype(dtype)
        assert batch.label[0].shape == (5,) and batch.label[0].dtype == np.float32
        assert batch.pad == 0


@pytest.mark.parametrize("augment", ["plain", "colour"])
def test_unshuffled_rows_are_the_records_in_order(make, augment, monkeypatch):
    monkeypatch.setattr("unequal.batches.augmentation.GRAY_CHANCE", 0)
    monkeypatch.setattr("unequal.batches.augmentation.JITTER_CHANCE", 0)
    iterator = make(augment=augment, shuffle=False, rand_mirror=False)
    batches = arrays(iterator)
    assert [keys_of(iterator, data) for data, _ in batches] == [
        [1, 2, 3, 4, 5],
        [6, 7, 8, 9, 10],
        [11, 12, 13, 14, 15],
        [16, 17, 18, 19, 20],
    ]
    assert np.concatenate([label for _, label in batches]).tolist() == [0] * 8 + [1] * 7 + [2] * 5


def test_an_epoch_has_each_image_once_but_for_the_last_incomplete_batch(make):
    iterator = make(rand_mirror=False)
    for _ in range(2):
        batches = arrays(iterator)
        assert len(batches) == 4, "22 images are 4 batches of 5; the last 2 are dropped"
        keys = sum((keys_of(iterator, data) for data, _ in batches), [])
        assert len(set(keys)) == 20
        for data, label in batches:
            labels = [iterator.records.read(key)[0] for key in keys_of(iterator, data)]
            assert label.tolist() == labels
        iterator.reset()


def test_epochs_have_different_orders_and_different_augmentation(make):
    shuffled, unshuffled = make(rand_mirror=False), make(shuffle=False)
    for iterator in (shuffled, unshuffled):
        first = arrays(iterator)
        iterator.reset()
        second = arrays(iterator)
        assert any(not np.array_equal(a[0], b[0]) for a, b in zip(first, second))


def test_each_position_of_an_epoch_draws_its_own_numbers(make):
    same = encode(np.arange(768, dtype=np.uint8).reshape(16, 16, 3), ".png")
    iterator = make(counts=(40,), payloads={key: same for key in range(1, 41)})
    left = [tuple(data[:, 0, 0, 0] == 0) for data, _ in arrays(iterator)]
    assert len(set(left)) > 1, "not every batch has the same rows mirrored"


@pytest.mark.parametrize("augment", ["plain", "colour"])
def test_batches_depend_on_the_seed_alone(make, augment):
    def three_epochs(**options):
        iterator = make(augment=augment, **options)
        found = arrays(iterator)
        for _ in range(2):
            iterator.reset()
            found += arrays(iterator)
        return found

    wanted = three_epochs(seed=7, workers=1, prefetch=0)
    assert_same(wanted, three_epochs(seed=7, workers=4, prefetch=0))
    assert_same(wanted, three_epochs(seed=7, workers=2, prefetch=3))
    other = three_epochs(seed=8)
    assert any(not np.array_equal(a[0], b[0]) for a, b in zip(wanted, other))


def test_a_reset_in_the_middle_gives_the_next_epoch_whatever_was_made_ahead(make):
    found = []
    for prefetch in (0, 1, 3):
        iterator = make(seed=3, prefetch=prefetch)
        iterator.next()
        iterator.reset()
        found.append(arrays(iterator))
    assert_same(found[0], found[1])
    assert_same(found[0], found[2])


def test_the_first_next_resets_and_the_end_stays_until_the_next_reset(make):
    lines = []
    iterator = make(log=lines.append)
    assert lines == []
    assert len(list(iterator)) == 4
    assert lines == ["call reset()"]
    with pytest.raises(StopIteration):
        iterator.next()
    iterator.reset()
    assert lines == ["call reset()"] * 2
    iterator.next()
    assert lines == ["call reset()"] * 2


def test_a_set_of_exactly_one_batch_gives_it_every_epoch(make):
    iterator = make(counts=(3, 2))
    for _ in range(3):
        assert len(list(iterator)) == 1
        iterator.reset()


def test_a_set_smaller_than_a_batch_is_told_at_once(make):
    with pytest.raises(InputError, match="has 4 images, fewer than a batch of 5"):
        make(counts=(2, 2))


def test_bad_images_give_way_to_the_next_ones(make, caplog):
    payloads = {2: b"", 3: b"junk", 9: b"junk"}
    iterator = make(payloads=payloads, shuffle=False, rand_mirror=False)
    with caplog.at_level(logging.WARNING):
        batches = arrays(iterator)
    rows = [keys_of(iterator, data) for data, _ in batches]
    assert [sorted(keys) for keys in rows] == [
        [1, 4, 5, 6, 7],
        [8, 10, 11, 12, 13],
        [14, 15, 16, 17, 18],
    ], "19 good images are 3 batches"
    for keys, (_, label) in zip(rows, batches):
        assert label.tolist() == [iterator.records.read(key)[0] for key in keys]
    assert len(caplog.records) == 3 and iterator.loader.bad_keys == {2, 3, 9}


def test_batches_with_bad_images_do_not_depend_on_the_threads(make):
    payloads = {key: b"junk" for key in (1, 5, 6, 13, 20)}
    wanted = arrays(make(payloads=payloads, workers=1, prefetch=0))
    assert_same(wanted, arrays(make(payloads=payloads, workers=4)))


def test_too_many_bad_images_surface_in_next(make):
    iterator = make(payloads={key: b"junk" for key in (6, 7, 8)}, shuffle=False, max_bad_images=2)
    iterator.next()
    with pytest.raises(InputError, match="max_bad_images"):
        list(iterator)


def test_too_few_good_images_for_a_batch_are_an_error_not_an_endless_run(make):
    iterator = make(counts=(6,), payloads={1: b"", 2: b""})
    with pytest.raises(InputError, match="not one batch"):
        iterator.next()


def test_a_wrong_size_surfaces_in_next(make):
    iterator = make(payloads={7: encode(face(0, 0, 8))}, shuffle=False)
    iterator.next()
    with pytest.raises(InputError, match="record 7 is 8x8"):
        iterator.next()


def test_a_label_beyond_the_classes_of_property_is_told(make):
    iterator = make(num_classes=2)
    with pytest.raises(InputError, match="has label 2, but .*property says 2 classes"):
        list(iterator)


def test_a_set_without_header_is_iterated(tmp_path):
    labels = {key: key % 3 for key in (5, 0, 3, 1, 4, 2)}
    records = FaceRecords(write_plain_set(tmp_path, labels))
    iterator = ImageIter(records, 2, SHAPE, shuffle=False, log=lambda line: None)
    found = [batch.label[0].asnumpy().tolist() for batch in iterator]
    assert found == [[2, 0], [0, 1], [1, 2]]
    iterator.close()


def test_module_fit_trains_from_uint8_batches(make):
    iterator = make(shuffle=False, rand_mirror=False)
    data = mx.sym.Variable("data")
    net = mx.sym.FullyConnected(mx.sym.Flatten(data) * (1 / 255), num_hidden=3, name="fc")
    net = mx.sym.SoftmaxOutput(net, name="softmax")
    module = mx.mod.Module(net, context=mx.cpu())
    module.fit(iterator, num_epoch=40, initializer=mx.init.Xavier(), force_init=True)
    iterator.reset()
    assert module.score(iterator, "acc")[0][1] > 0.9


def test_the_boot_iterator_keeps_what_the_first_pass_keeps_and_shuffles_it(make):
    lines, calls = [], []
    kept = [1, 2, 3, 5, 8, 9, 10, 13, 15, 18, 20, 22]

    def first_pass():
        calls.append(len(lines))
        return np.array(kept)

    iterator = make(
        kind=NoiseFilteringIter,
        first_pass=first_pass,
        log=lines.append,
        augment="plain",
        rand_mirror=False,
        batch_size=4,
    )
    orders = []
    for _ in range(3):
        orders.append(sum((keys_of(iterator, data) for data, _ in arrays(iterator)), []))
        iterator.reset()
    assert calls == [1] and lines == ["first reset"] + ["call reset()"] * 3
    for order in orders:
        assert sorted(order) == kept
        assert order != kept
    assert orders[0] != orders[1] != orders[2]


def test_the_boot_iterator_augments_colours(make):
    iterator = make(kind=NoiseFilteringIter, first_pass=lambda: range(1, 23))
    assert iterator.next().data[0].dtype == np.float32


def test_the_boot_iterator_tells_when_too_little_is_kept(make):
    iterator = make(kind=NoiseFilteringIter, first_pass=lambda: [3, 4])
    with pytest.raises(InputError, match="2 of 22 images are kept.*`noise_threshold`"):
        iterator.next()


def test_real_faces_are_iterated_alike_in_one_and_in_four_threads(shared):
    records = FaceRecords(shared / "real" / "rec_head")
    found = []
    for workers in (1, 4):
        iterator = ImageIter(
            records,
            40,
            (3, 112, 112),
            128,
            augment="colour",
            workers=workers,
            log=lambda line: None,
        )
        found.append(arrays(iterator.next() for _ in range(3)))
        iterator.close()
    assert_same(*found)
