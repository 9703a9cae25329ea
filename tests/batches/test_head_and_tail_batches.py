"""The iterator of step 3.2: layout, epochs, mining, and everything that broke the 2019 one."""

from __future__ import annotations

import logging

import numpy as np
import pytest

from batch_checks import arrays
from record_fixtures import encode, write_face_set
from unequal.batches.augmentation import augment_colour
from unequal.batches.batch_sizes import device_rows
from unequal.batches.head_and_tail_batches import BagIter
from unequal.faces.decoding import decode_rgb
from unequal.faces.face_records import FaceRecords
from unequal.support.errors import InputError

SHAPE = (3, 16, 16)


def unchanged(image, rng):
    return image


def embed(images):
    """Twelve numbers per image: the mean colours of its quarters, about their centre."""
    quarters = images.reshape(len(images), 3, 2, 8, 2, 8).mean(axis=(3, 5))
    return quarters.reshape(len(images), -1) - 127.0


def quiet(line):
    pass


@pytest.fixture
def make(tmp_path):
    """Makes iterators of step 3.2 and closes them at the end."""
    made = []

    def build(
        head=(6, 6, 6),
        tail=(4,) * 12,
        head_payloads=None,
        tail_payloads=None,
        head_folder=None,
        **options,
    ):
        folder = tmp_path / f"{len(made)}"
        heads = head_folder or write_face_set(folder / "head", head, payloads=head_payloads)
        tails = write_face_set(folder / "tail", tail, seed=1, payloads=tail_payloads)
        settings = dict(
            batch_size1=6,
            batchsize_id=6,
            batch_size2=4,
            bag_size=12,
            images_per_identity=3,
            bags_per_epoch=4,
            augment=unchanged,
            log=quiet,
        )
        settings.update(options)
        iterator = BagIter(
            FaceRecords(heads),
            FaceRecords(tails),
            image_shape=SHAPE,
            embed=settings.pop("embed", embed),
            **settings,
        )
        made.append(iterator)
        return iterator

    yield build
    for iterator in made:
        iterator.close()


def epochs(iterator, count):
    found = [arrays(iterator)]
    for _ in range(count - 1):
        iterator.reset()
        found.append(arrays(iterator))
    return found


def assert_same(first, second):
    assert [len(epoch) for epoch in first] == [len(epoch) for epoch in second]
    for (data, label), (other_data, other_label) in zip(sum(first, []), sum(second, [])):
        np.testing.assert_array_equal(data, other_data)
        np.testing.assert_array_equal(label, other_label)


def keys_of(loader, rows):
    """Which record each unaugmented row is, by its pixels."""
    known = {}
    for key in loader.records.image_keys.tolist():
        if key not in loader.bad_keys:
            image = decode_rgb(loader.records.read(key)[1])
            known[image.transpose(2, 0, 1).tobytes()] = key
    return [known[row.astype(np.uint8).tobytes()] for row in rows]


@pytest.mark.parametrize(
    "case, ctx_num, size, per_identity",
    [
        ("c1_12_12", 1, 12, 3),
        ("c2_12_12", 2, 12, 3),
        ("c3_12_12", 3, 12, 4),
        ("c4_24_24", 4, 24, 3),
    ],
)
def test_the_layout_is_that_of_the_2019_code(golden, make, case, ctx_num, size, per_identity):
    stored = np.load(golden / "f_batches" / "batches.npz")
    # The tail of the golden batches has these identities; its pixels are known of 12 images.
    rows = stored["c1_12_12/data"][12:].transpose(0, 2, 3, 1)
    payloads = {key: encode(row, ".png") for key, row in enumerate(rows, 1)}
    iterator = make(
        tail=(4, 3, 4, 4, 3, 3, 3) + (4,) * 5,
        tail_payloads=payloads,
        head_folder=golden / "h_misc" / "mining",
        ctx_num=ctx_num,
        batch_size1=size,
        batchsize_id=size,
        bag_size=size,
        images_per_identity=per_identity,
    )
    iterator.reset()
    iterator.head.keys = np.arange(5, 5 + size)
    iterator.tail.keys = np.arange(1, 1 + size)
    ((data, label),) = arrays([iterator.next()])
    np.testing.assert_array_equal(label, stored[f"{case}/label"])
    if f"{case}/data" in stored:
        np.testing.assert_array_equal(data, stored[f"{case}/data"])


def test_halves_of_different_size_are_spread_evenly():
    head, tail = device_rows(batch_size1=4, batchsize_id=6, ctx_num=2)
    assert head.tolist() == [0, 1, 5, 6] and tail.tolist() == [2, 3, 4, 7, 8, 9]


def test_shapes_types_and_names(make):
    iterator = make(batch_size1=4, batchsize_id=6)
    assert iterator.provide_data == [("data", (10,) + SHAPE)]
    assert iterator.provide_label == [("softmax_label", (10,))]
    batch = iterator.next()
    assert batch.data[0].shape == (10,) + SHAPE and batch.data[0].dtype == np.float32
    assert batch.label[0].shape == (10,) and batch.pad == 0


@pytest.mark.parametrize("ctx_num", [1, 2])
@pytest.mark.parametrize("per_identity", [1, 2, 3, 4])
@pytest.mark.parametrize("sizes", [(4, 8), (8, 8), (12, 8), (12, 24)])
def test_every_batch_has_head_rows_and_whole_tail_identities(make, ctx_num, per_identity, sizes):
    batch_size1, batchsize_id = sizes
    if batchsize_id % (ctx_num * per_identity):
        batchsize_id = 12 * (batchsize_id // 8)
    iterator = make(
        tail=(4,) * 26,
        batch_size1=batch_size1,
        batchsize_id=batchsize_id,
        bag_size=batchsize_id + 7,
        images_per_identity=per_identity,
        ctx_num=ctx_num,
    )
    batches = sum(epochs(iterator, 2), [])
    assert batches
    for data, label in batches:
        head = keys_of(iterator.head.loader, data[iterator.head.rows])
        tail = keys_of(iterator.tail.loader, data[iterator.tail.rows])
        labels = [iterator.head.loader.records.read(key)[0] for key in head]
        assert label[iterator.head.rows].tolist() == labels
        labels = [iterator.tail.loader.records.read(key)[0] for key in tail]
        assert label[iterator.tail.rows].tolist() == labels
        assert len(set(tail)) == batchsize_id, "identities with enough images repeat none"
        by_identity = np.array(labels).reshape(-1, per_identity)
        assert (by_identity == by_identity[:, :1]).all()
        assert len(set(by_identity[:, 0])) == batchsize_id // per_identity


def test_the_closest_identities_of_the_bag_are_taken(make):
    def by_colour(images):
        """Identities on a line, by their mean brightness; two turns of it are far apart."""
        angle = images.mean(axis=(1, 2, 3)) / 40.0
        return np.stack([np.cos(angle), np.sin(angle)], axis=1)

    values = [30, 90, 91, 150, 200, 203]
    flat = {
        key: encode(np.full((16, 16, 3), values[(key - 1) // 3], np.uint8), ".png")
        for key in range(1, 19)
    }
    iterator = make(
        tail=(3,) * 6, tail_payloads=flat, batchsize_id=12, bag_size=18, embed=by_colour
    )
    label = iterator.next().label[0].asnumpy()[iterator.tail.rows]
    pairs = label.reshape(2, 2, 3)
    assert (pairs == pairs[:, :, :1]).all()
    assert np.sort(pairs[:, :, 0]).tolist() == [[1, 2], [4, 5]], "the closest pair comes first"


def test_lines_of_two_epochs_are_those_of_the_2019_code(make):
    lines = []
    iterator = make(tail=(3,) * 10, head=(20, 20), bag_size=12, log=lines.append)
    epochs(iterator, 2)
    bags = [
        "interclass_oseq_reset",
        "eval 12 images.. 0",
        "eval 12 images.. 12",
        "interclass_oseq_reset",
        "eval 12 images.. 0",
        "eval 12 images.. 12",
    ]
    assert lines == (
        ["call reset1()", "cur1: 0", "seq1: 40", "call reset2()"]
        + bags
        + ["cur1: 24", "seq1: 40", "call reset2()"]
        + bags
    )


def test_no_head_image_is_lost_when_the_tail_ends_first(make):
    iterator = make(head=(30, 30), bags_per_epoch=3)
    found = epochs(iterator, 3)
    assert [len(epoch) for epoch in found] == [3, 3, 3]
    keys = [
        key
        for data, _ in sum(found, [])
        for key in keys_of(iterator.head.loader, data[iterator.head.rows])
    ]
    assert len(keys) == len(set(keys)) == 54


def test_the_last_full_head_batch_is_used_before_the_head_is_reordered(make):
    lines = []
    iterator = make(head=(12, 12), bags_per_epoch=3, log=lines.append)
    assert [len(epoch) for epoch in epochs(iterator, 3)] == [3, 1, 2]
    assert [line for line in lines if line.startswith(("call reset1", "cur1", "seq1"))] == [
        "call reset1()",
        "cur1: 0",
        "seq1: 24",
        "cur1: 18",
        "seq1: 24",
        "call reset1()",
    ]


def test_mined_rows_are_used_up_before_more_are_mined(make):
    lines = []
    iterator = make(head=(7, 7), bags_per_epoch=5, log=lines.append)
    found = epochs(iterator, 3)
    assert [len(epoch) for epoch in found] == [2, 2, 1]
    assert sum(line.startswith("eval") for line in lines) == 5
    tail = np.concatenate(
        [keys_of(iterator.tail.loader, d[iterator.tail.rows]) for d, _ in sum(found, [])]
    )
    assert tail.tolist() == iterator.tail.keys.tolist()


def test_each_round_of_mining_reorders_the_tail(make):
    lines = []
    iterator = make(tail=(3,) * 40, bags_per_epoch=1, log=lines.append)
    epochs(iterator, 2)
    bags = [line for line in lines if line.startswith(("eval", "inter"))]
    assert bags == ["interclass_oseq_reset", "eval 12 images.. 0"] * 2


def test_a_reset_mines_nothing(make):
    calls = []
    iterator = make(embed=lambda images: calls.append(1) or embed(images))
    iterator.reset()
    assert not calls
    list(iterator)
    count = len(calls)
    iterator.reset()
    assert count > 0 and len(calls) == count


def test_embed_gets_full_uint8_batches_of_unaugmented_images(make):
    shapes = set()

    def check(images):
        shapes.add((images.shape, images.dtype))
        keys_of(iterator.tail.loader, images)
        return embed(images)

    iterator = make(batch_size2=5, bag_size=12, embed=check, augment=lambda image, rng: 255 - image)
    iterator.next()
    assert shapes == {((5,) + SHAPE, np.dtype("uint8"))}


@pytest.mark.parametrize("batch_size2", [1, 5, 12, 50])
def test_the_size_of_embedding_batches_changes_nothing(make, batch_size2):
    assert_same(epochs(make(), 1), epochs(make(batch_size2=batch_size2), 1))


def test_batches_depend_on_the_seed_alone(make):
    def two_epochs(**options):
        return epochs(make(augment=augment_colour, bags_per_epoch=2, **options), 2)

    wanted = two_epochs(seed=5, workers=1, prefetch=0)
    assert_same(wanted, two_epochs(seed=5, workers=4, prefetch=0))
    assert_same(wanted, two_epochs(seed=5, workers=2, prefetch=3))
    other = two_epochs(seed=6)
    assert any(not np.array_equal(a[0], b[0]) for a, b in zip(sum(wanted, []), sum(other, [])))


def test_a_reset_in_the_middle_goes_on_after_the_batches_taken(make):
    whole, cut = make(head=(40,)), make(head=(40,), prefetch=3)
    taken = arrays([cut.next()])
    cut.reset()
    assert_same([taken + arrays(cut)], epochs(whole, 1))


def test_short_identities_repeat_their_images_and_single_ones_are_left_out(make, caplog):
    with caplog.at_level(logging.INFO):
        iterator = make(tail=(2, 1, 2, 1, 3), batchsize_id=12, images_per_identity=4, bag_size=100)
    (line,) = [r.getMessage() for r in caplog.records]
    assert "2 identities with fewer than 2 images are not used" in line
    data, label = arrays([iterator.next()])[0]
    keys = keys_of(iterator.tail.loader, data[iterator.tail.rows])
    rows = {label[6 + 4 * i]: keys[4 * i : 4 * i + 4] for i in range(3)}
    assert set(rows) == {0, 2, 4}
    for identity, count in ((0, 2), (2, 2), (4, 3)):
        assert len(set(rows[identity])) == count
        assert rows[identity][count:] == rows[identity][: 4 - count]


def test_repeated_images_are_augmented_afresh(make):
    iterator = make(
        tail=(2, 2),
        batchsize_id=8,
        images_per_identity=4,
        bag_size=8,
        augment=augment_colour,
        bags_per_epoch=1,
    )
    repeats = arrays([iterator.next()])[0][0][6:].reshape(2, 2, 2, *SHAPE)
    different = 0
    for _ in range(6):
        different += sum(not np.array_equal(a[0], a[1]) for a in repeats)
        iterator.reset()
        repeats = arrays([iterator.next()])[0][0][6:].reshape(2, 2, 2, *SHAPE)
    assert different > 0


def test_single_images_are_used_where_one_is_asked_for(make):
    iterator = make(tail=(1,) * 8, images_per_identity=1, bag_size=8)
    assert len(set(iterator.next().label[0].asnumpy()[6:])) == 6


def test_a_bag_larger_than_the_tail_is_the_tail(make):
    lines = []
    iterator = make(tail=(4,) * 5, bag_size=3600, log=lines.append)
    assert len(list(iterator)) == 3
    evals = [line for line in lines if line.startswith(("eval", "inter"))]
    assert evals == ["interclass_oseq_reset", "eval 15 images.. 0"] * 4


def test_bad_images_of_both_halves_are_passed_over(make):
    iterator = make(
        head=(12, 12),
        head_payloads={2: b"", 9: b"junk"},
        tail=(3,) * 8,
        tail_payloads={5: b"junk"},
        bag_size=24,
    )
    for data, _ in sum(epochs(iterator, 3), []):
        keys = keys_of(iterator.tail.loader, data[iterator.tail.rows])
        assert len(keys) == 6 and 5 not in keys
        assert len(keys_of(iterator.head.loader, data[iterator.head.rows])) == 6
    assert iterator.head.loader.bad_keys == {2, 9} and iterator.tail.loader.bad_keys == {5}


def test_a_bag_that_bad_images_leave_too_small_is_drawn_again(make):
    iterator = make(
        tail=(2,) * 4,
        tail_payloads={1: b"junk", 3: b"junk"},
        images_per_identity=2,
        batchsize_id=4,
        bag_size=4,
    )
    for _, label in arrays(iterator):
        assert sorted(label[6:].tolist()) == [2, 2, 3, 3]


def test_a_tail_that_bad_images_leave_too_small_is_an_error(make):
    iterator = make(
        tail=(2,) * 2, tail_payloads={1: b"junk"}, images_per_identity=2, batchsize_id=4, bag_size=4
    )
    with pytest.raises(InputError, match="1 identities have 2 or more images"):
        iterator.next()


def test_a_head_whose_rest_is_bad_gives_no_empty_epoch(make):
    payloads = {key: b"junk" for key in range(1, 7)}
    iterator = make(head=(14,), head_payloads=payloads, bags_per_epoch=1)
    assert [len(epoch) for epoch in epochs(iterator, 6)] == [1] * 6


def test_a_head_without_one_good_batch_is_an_error_not_an_endless_run(make):
    iterator = make(head=(8,), head_payloads={key: b"junk" for key in (1, 2, 3)})
    with pytest.raises(InputError, match="fewer than 6 images can be decoded"):
        iterator.next()


def test_what_embed_raises_surfaces_and_the_next_try_mines_again(make):
    fail = [True]

    def sometimes(images):
        if fail[0]:
            raise RuntimeError("device lost")
        return embed(images)

    iterator = make(embed=sometimes)
    with pytest.raises(RuntimeError, match="device lost"):
        iterator.next()
    fail[0] = False
    assert len(list(iterator)) == 3


def test_a_wrong_size_surfaces_in_next(make):
    iterator = make(head_payloads={5: encode(np.zeros((8, 8, 3), np.uint8))})
    with pytest.raises(InputError, match="record 5 is 8x8"):
        list(iterator)


def test_a_head_label_beyond_the_classes_of_property_is_told(make):
    with pytest.raises(InputError, match="property says 2 classes"):
        list(make(num_classes=2))


@pytest.mark.parametrize(
    "options, words",
    [
        (dict(batch_size1=7, ctx_num=2), "`batch_size1` 7 .* 2 devices; give 6 or 8"),
        (dict(batch_size1=1, ctx_num=2), "`batch_size1` 1 .*; give 2$"),
        (dict(batchsize_id=8), "`batchsize_id` 8 .*`images_per_identity`.*; give 6 or 9"),
        (dict(ctx_num=3), "`batchsize_id` 6 .* 3 devices x 3 .*; give 9"),
        (dict(bag_size=5), "`bag_size` 5 .*`batchsize_id`.*; give 6 or more"),
        (dict(images_per_identity=0), "`images_per_identity` is 0"),
        (dict(batch_size2=0), "`batch_size2` is 0"),
        (dict(head=(3, 2)), "has 5 images, fewer than `batch_size1` 6"),
        (dict(tail=(1, 1, 4)), "1 identities have 2 or more images, but `batchsize_id` needs 2"),
    ],
)
def test_sizes_that_do_not_fit_are_told_with_what_would_do(make, options, words):
    with pytest.raises(InputError, match=words) as error:
        make(**options)
    assert "\n" not in str(error.value)


def test_real_faces_come_with_different_sizes_and_three_devices(shared):
    heads, tails = (FaceRecords(shared / "real" / name) for name in ("rec_head", "rec_tail"))
    iterator = BagIter(
        heads,
        tails,
        batch_size1=12,
        batchsize_id=18,
        batch_size2=50,
        bag_size=200,
        images_per_identity=3,
        image_shape=(3, 112, 112),
        ctx_num=3,
        num_classes=128,
        bags_per_epoch=2,
        log=quiet,
        embed=lambda images: images[:, :, ::16, ::16].reshape(len(images), -1) - 127.5,
    )
    batches = list(iterator)
    iterator.close()
    assert len(batches) == 2
    for batch in batches:
        shares = batch.label[0].asnumpy().reshape(3, 10)[:, 4:]
        assert (shares.reshape(3, 2, 3) == shares.reshape(3, 2, 3)[:, :, :1]).all()
