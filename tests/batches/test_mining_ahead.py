"""Bags mined in a thread while an epoch trains: whose weights, which batches, and how it ends."""

from __future__ import annotations

import threading

import numpy as np
import pytest

from batch_checks import arrays, assert_same
from record_fixtures import write_face_set
from unequal.batches.head_and_tail_batches import BagIter
from unequal.batches.tail_mining import TailMiner
from unequal.faces.decoding import ImageLoader
from unequal.faces.face_records import FaceRecords
from unequal.support.errors import InputError
from unequal.support.random_streams import Purpose, generator

SHAPE = (3, 16, 16)
ANNOUNCED = "mining the bags of the next epoch meanwhile"


def by_weights(weights):
    """Twelve numbers per image, the mean colours of its quarters, multiplied by `weights`."""

    def embed(images):
        quarters = images.reshape(len(images), 3, 2, 8, 2, 8).mean(axis=(3, 5))
        return (quarters.reshape(len(images), -1) - 127.0) * weights

    return embed


class Model:
    """Weights that training changes, for the miner to embed with or to freeze."""

    def __init__(self):
        self.weights = self.after(0)
        self.frozen = []

    @staticmethod
    def after(epoch):
        return np.random.RandomState(epoch).normal(size=12)

    def embed(self, images):
        return by_weights(self.weights)(images)

    def freeze(self):
        self.frozen.append(self.weights.copy())
        return by_weights(self.frozen[-1])


@pytest.fixture
def make(tmp_path):
    """Makes iterators of step 3.2 over one head and one tail, and closes them at the end."""
    head = write_face_set(tmp_path / "head", (60, 60))
    tail = write_face_set(tmp_path / "tail", (4,) * 30, seed=1)
    made = []

    def build(embed, **options):
        settings = dict(
            batch_size1=6,
            batchsize_id=6,
            batch_size2=4,
            bag_size=18,
            images_per_identity=3,
            bags_per_epoch=4,
            seed=3,
            log=lambda line: None,
        )
        settings.update(options)
        sets = FaceRecords(head), FaceRecords(tail)
        made.append(BagIter(*sets, image_shape=SHAPE, embed=embed, **settings))
        return made[-1]

    yield build
    for iterator in made:
        iterator.close()


def mined_with(iterator, weights, round_number):
    """What a miner of its own finds in that round under these weights."""
    records = iterator.tail.loader.records
    loader = ImageLoader(FaceRecords(records.data_dir), SHAPE, workers=1)
    miner = TailMiner(loader, 18, 3, 2, by_weights(weights), 7, lambda line: None)
    keys = miner.mine(4, generator(3, Purpose.BAGS, round_number))
    loader.close()
    return keys.tolist()


def test_bags_of_an_epoch_are_mined_with_the_weights_at_the_start_of_the_one_before(make):
    model = Model()
    iterator = make(model.embed, freeze=model.freeze)
    weights_of = [0, 0, 1, 2]  # the first epoch mines with what it starts with
    used = set()
    for epoch, known in enumerate(weights_of):
        if epoch:
            iterator.reset()
        iterator.next()
        model.weights = model.after(epoch + 1)  # training goes on while the thread may still mine
        found = iterator.tail.keys.tolist()
        assert found == mined_with(iterator, model.after(known), epoch + 1)
        if epoch:
            assert found != mined_with(iterator, model.after(epoch), epoch + 1)
        used.add(tuple(found))
        assert len(list(iterator)) == 3
    assert len(used) == 4


def test_without_changing_weights_nothing_differs_but_the_announced_line(make):
    weights = Model.after(0)
    lines, plain_lines = [], []
    ahead = make(by_weights(weights), freeze=lambda: by_weights(weights), log=lines.append)
    plain = make(by_weights(weights), log=plain_lines.append)
    for epoch in range(4):
        if epoch:
            ahead.reset()
            plain.reset()
        assert_same(arrays(ahead), arrays(plain))
    assert lines.count(ANNOUNCED) == 4 and ANNOUNCED not in plain_lines
    assert [line for line in lines if line != ANNOUNCED] == plain_lines


def test_no_thread_is_begun_without_freeze_or_in_the_last_epoch(make):
    model = Model()
    for options in (dict(), dict(freeze=model.freeze, last_epoch=1)):
        iterator = make(model.embed, **options)
        iterator.next()
        assert "mining" not in [thread.name for thread in threading.enumerate()]
    assert not model.frozen


def test_nothing_is_mined_ahead_while_the_rows_last_for_the_next_epoch(make):
    model = Model()
    iterator = make(model.embed, freeze=model.freeze, bags_per_epoch=25)
    lengths = []
    for epoch in range(3):
        if epoch:
            iterator.reset()
        model.weights = model.after(epoch)
        lengths.append(len(list(iterator)))
    assert lengths == [20, 5, 15]
    np.testing.assert_array_equal(model.frozen[0], model.after(1))


@pytest.mark.parametrize("error", [InputError("tail: is broken"), RuntimeError("device lost")])
def test_an_error_in_the_thread_is_raised_where_its_rows_are_needed(make, error):
    def broken(images):
        raise error

    model = Model()
    iterator = make(model.embed, freeze=lambda: broken)
    assert len(list(iterator)) == 4
    iterator.reset()
    with pytest.raises(type(error), match=str(error)):
        iterator.next()
    iterator.freeze = None
    assert len(list(iterator)) == 4, "the next try mines again"


def test_closing_ends_the_thread_at_its_next_batch(make):
    entered, leave, batches = threading.Event(), threading.Event(), []

    def slow(images):
        batches.append(len(images))
        entered.set()
        assert leave.wait(20)
        return by_weights(np.ones(12))(images)

    model = Model()
    iterator = make(model.embed, freeze=lambda: slow)
    iterator.next()
    assert entered.wait(20)
    threading.Timer(0.1, leave.set).start()
    iterator.close()
    assert len(batches) == 1
    assert "mining" not in [thread.name for thread in threading.enumerate()]


def test_a_result_is_asked_for_when_the_next_batch_has_been_pushed(make):
    events = []

    class Pushing:
        def push(self, images):
            events.append("push")
            rows = by_weights(np.ones(12))(images)

            class Result:
                def __array__(self, dtype=None):
                    events.append("wait")
                    return rows

            return Result()

    iterator = make(Pushing())
    iterator.next()
    count = events.count("push")
    assert events == ["push"] + ["push", "wait"] * (count - 1) + ["wait"]
    assert iterator.tail.keys.tolist() == mined_with(iterator, np.ones(12), 1)
