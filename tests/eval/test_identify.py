"""Rank-1, CMC and TAR@FAR against loops in float64, and what has no answer."""

from __future__ import annotations

import math

import numpy as np
import pytest

from eval.identification import identify
from eval.identification_parts.similarities import Selected
from unequal.support.errors import InputError

FARS = (0.5, 0.1, 0.01, 1e-3)
LITTLE = 1200  # bytes: a row or a few at a time, so that every block has an end inside


def cosine(first, second) -> float:
    """Of two rows, in float64; None where one of them has no direction."""
    first, second = first.astype(np.float64), second.astype(np.float64)
    lengths = math.sqrt(first @ first), math.sqrt(second @ second)
    if not all(math.isfinite(length) and length > 0 for length in lengths):
        return None
    return round(float(first @ second) / lengths[0] / lengths[1], 9)


def by_loops(gallery, labels, probes, probe_labels, distractors, fars, ranks, same_set, protocol):
    """cmc, tar, probes with a mate, and impostor pairs, one pair at a time."""
    genuine, impostors, found, searched, with_mate = [], [], np.zeros(ranks), 0, 0
    for p, probe in enumerate(probes):
        mates, others = [], []
        for g, image in enumerate(gallery):
            if same_set and g == p:
                continue
            score = cosine(probe, image)
            if labels[g] == probe_labels[p]:
                mates.append(score)
                genuine.append(score)
            elif score is not None:
                others.append(score)
                if not same_set or g > p:
                    impostors.append(score)
        from_outside = [cosine(probe, image) for image in distractors]
        from_outside = [score for score in from_outside if score is not None]
        impostors += from_outside
        with_mate += bool(mates)
        if protocol == "gallery":
            usable = [score for score in mates if score is not None]
            searches = [max(usable) if usable else None] if mates else []
            others += from_outside
        else:
            searches, others = mates, from_outside
        for mate in searches:
            searched += 1
            if mate is not None:
                rank = 1 + sum(score >= mate for score in others)
                found[rank - 1 :] += 1
    tar = {}
    for far in fars:
        allowed = math.floor(far * len(impostors) + 1e-9)
        if allowed < 1:
            tar[far] = None
            continue
        threshold = sorted(impostors, reverse=True)[allowed]
        accepted = sum(score is not None and score > threshold for score in genuine)
        tar[far] = accepted / len(genuine)
    return found / searched, tar, with_mate, len(impostors)


def drawn(seed, dimensions=6, ties=False):
    """Gallery, labels, probes, labels, distractors: 40, 23 and 31 images of some 12 people."""
    random = np.random.RandomState(seed)
    centres = random.normal(size=(12, dimensions))
    labels, probe_labels = random.randint(0, 10, 40), random.randint(0, 12, 23)
    sets = [
        centres[labels] + random.normal(size=(40, dimensions)),
        centres[probe_labels] + random.normal(size=(23, dimensions)),
        random.normal(size=(31, dimensions)),
    ]
    if ties:
        # few directions: many similarities are equal, also of mates and of others
        sets = [np.sign(np.round(rows / 1.6)) for rows in sets]
        for rows in sets:
            rows[~rows.any(axis=1), 0] = 1
    gallery, probes, distractors = [rows.astype(np.float32) for rows in sets]
    return gallery, labels, probes, probe_labels, distractors


def check(found, expected):
    cmc, tar, with_mate, impostors = expected
    np.testing.assert_allclose(found.cmc, cmc, atol=1e-12)
    assert found.rank1 == found.cmc[0]
    assert found.tar == pytest.approx(tar)
    assert (found.probes, found.impostors) == (with_mate, impostors)


@pytest.mark.parametrize("memory", [1, LITTLE, 10_000, 2**29])
@pytest.mark.parametrize("protocol", ["gallery", "megaface"])
@pytest.mark.parametrize("ties", [False, True])
def test_the_same_as_loops_whatever_the_memory(memory, protocol, ties):
    for seed in range(1 if memory == 1 else 3):
        sets = drawn(seed, ties=ties)
        found = identify(*sets, fars=FARS, ranks=7, memory=memory, protocol=protocol)
        check(found, by_loops(*sets, FARS, 7, False, protocol))
        assert found.mateless == 23 - found.probes


@pytest.mark.parametrize("memory", [1, LITTLE, 2**29])
@pytest.mark.parametrize("protocol", ["gallery", "megaface"])
@pytest.mark.parametrize("ties", [False, True])
def test_an_image_of_one_set_is_not_its_own_mate_nor_its_own_impostor(memory, protocol, ties):
    gallery, labels, _, _, distractors = drawn(5, ties=ties)
    sets = gallery, labels, gallery, labels, distractors
    found = identify(*sets, fars=FARS, ranks=7, memory=memory, protocol=protocol, same_set=True)
    check(found, by_loops(*sets, FARS, 7, True, protocol))


@pytest.mark.parametrize("memory", [LITTLE, 2**29])
@pytest.mark.parametrize("protocol", ["gallery", "megaface"])
def test_embeddings_without_a_direction_match_nothing(memory, protocol):
    sets = drawn(7)
    sets[0][[3, 4, 21]] = np.nan
    sets[2][[0, 8]] = [[np.inf], [0]]
    sets[4][30] = np.nan
    found = identify(*sets, fars=FARS, ranks=7, memory=memory, protocol=protocol)
    check(found, by_loops(*sets, FARS, 7, False, protocol))
    assert found.unusable == {"gallery": 3, "probes": 2, "distractors": 1}


def test_a_model_that_fails_everywhere_finds_nobody():
    gallery, labels, probes, probe_labels, distractors = drawn(1)
    for rows in (np.nan * gallery, np.ones_like(gallery)):
        same = rows[: len(probes)]
        found = identify(rows, labels, same, probe_labels, np.ones_like(distractors), fars=(0.1,))
        assert found.cmc.max() == 0
        assert not found.tar[0.1]


def test_a_copy_of_the_probe_among_the_distractors_takes_the_first_rank():
    random = np.random.RandomState(3)
    faces = random.normal(size=(300, 512)).astype(np.float32)
    found = identify(faces, range(300), 3 * faces, range(300), faces[:100], ranks=2)
    np.testing.assert_allclose(found.cmc, [200 / 300, 1])


def test_many_pairs_have_the_exact_threshold_in_little_memory():
    # far more similarities than may be kept: windows from a sample, bins, further passes
    random = np.random.RandomState(11)
    centres = random.normal(size=(60, 8))
    labels, probe_labels = random.randint(0, 60, 900), random.randint(0, 60, 500)
    gallery = (centres[labels] + random.normal(size=(900, 8))).astype(np.float32)
    probes = (centres[probe_labels] + random.normal(size=(500, 8))).astype(np.float32)
    fars = (0.5, 0.1, 0.01, 1e-3, 1e-4, 1e-5, 1e-6)
    lengths = [np.linalg.norm(rows.astype(float), axis=1) for rows in (probes, gallery)]
    scores = probes.astype(float) @ gallery.T / np.outer(*lengths)
    same = probe_labels[:, None] == labels
    impostors = np.sort(scores[~same])[::-1]
    for memory in (40_000, 400_000, 2**29):
        found = identify(gallery, labels, probes, probe_labels, fars=fars, memory=memory)
        assert found.impostors == len(impostors) and found.genuine == same.sum()
        for far in fars:
            allowed = int(far * len(impostors))
            expected = (scores[same] > impostors[allowed]).mean() if allowed else None
            assert found.tar[far] == pytest.approx(expected, abs=1.1 / same.sum())
        assert found.tar[1e-6] is None


def test_similarities_that_are_all_equal_need_no_endless_search():
    ones = np.ones((90, 4), np.float32)
    labels = np.arange(90) % 9
    found = identify(ones, labels, ones, labels, fars=(0.1, 0.01), memory=3000, same_set=True)
    assert found.tar == {0.1: 0.0, 0.01: 0.0} and found.rank1 == 0


def test_labels_may_be_strings():
    sets = drawn(2)
    words = [np.array([f"person {label}" for label in sets[i]]) for i in (1, 3)]
    by_number = identify(*sets, fars=FARS)
    by_word = identify(sets[0], words[0], sets[2], list(words[1]), sets[4], fars=FARS)
    np.testing.assert_array_equal(by_number.cmc, by_word.cmc)
    assert by_number.tar == by_word.tar


def test_memory_mapped_files_and_chosen_rows_of_them(tmp_path):
    gallery, labels, probes, probe_labels, distractors = drawn(4)
    np.save(tmp_path / "d.npy", distractors)
    mapped = np.load(tmp_path / "d.npy", mmap_mode="r")
    keep = np.array([1, 5, 6, 30])
    found = identify(gallery, labels, probes, probe_labels, Selected(mapped, keep), fars=FARS)
    sets = gallery, labels, probes, probe_labels, distractors[keep]
    check(found, by_loops(*sets, FARS, 20, False, "gallery"))


@pytest.mark.parametrize(
    "change, told",
    [
        ({"probes": np.ones((23, 5), np.float32)}, "probes of shape"),
        ({"distractors": np.ones(6, np.float32)}, "distractors of shape"),
        ({"gallery_labels": [1, 2]}, "gallery: labels"),
        ({"probe_labels": ["a"] * 23}, "give integers for both or strings"),
        ({"probe_labels": [77] * 23}, "no probe has a mate"),
        ({"same_set": True}, "not one set"),
        ({"protocol": "lfw"}, "give one of gallery, megaface"),
        ({"protocol": "megaface", "distractors": None}, "needs distractors"),
        ({"ranks": 0}, "give 1 or more"),
        ({"fars": (0.1, 1.0)}, "false accept rate 1.0"),
    ],
)
def test_what_does_not_fit_together_is_told_in_one_line(change, told):
    names = ("gallery", "gallery_labels", "probes", "probe_labels", "distractors")
    with pytest.raises(InputError, match=told) as caught:
        identify(**{**dict(zip(names, drawn(0))), **change})
    assert "\n" not in str(caught.value)
