"""Flagged images, their pictures and references, and the sizes of head and tail."""

from __future__ import annotations

import base64

import cv2
import numpy as np
import pytest
from scipy.special import expit, logit

from record_fixtures import encode, face, write_face_set, write_plain_set
from unequal.faces.face_records import FaceRecords
from unequal.faces.noise_list import NoiseRow, write_noise_list
from unequal.faces.noise_scores import Scores, write_scores
from unequal.report.flagged_images import MOST_SHOWN, flagged_cards
from unequal.report.identity_sizes import bar_edges, distribution_chart, read_set
from unequal.report.noise_section import histogram_edges, read_noise
from unequal.support.errors import InputError

IMAGES = (12, 10, 3, 1)
LABELS = [label for label, images in enumerate(IMAGES) for _ in range(images)]


def row(key: int, largest: float = 0.1) -> NoiseRow:
    return NoiseRow(LABELS[key - 1], key, np.float32(largest), np.float32(largest / 10))


def pixels(address: str) -> np.ndarray:
    assert address.startswith("data:image/jpeg;base64,")
    data = np.frombuffer(base64.b64decode(address.partition(",")[2]), np.uint8)
    return cv2.cvtColor(cv2.imdecode(data, cv2.IMREAD_COLOR), cv2.COLOR_BGR2RGB)


@pytest.fixture
def head(tmp_path):
    return write_face_set(tmp_path / "head", IMAGES)


def test_cards_show_the_flagged_image_and_two_of_its_identity(head):
    [card] = flagged_cards(head, [row(15)], {15: 0})
    shown, expected = pixels(card.picture).astype(int), face(1, 2).astype(int)
    assert np.abs(shown - expected).mean() < 12
    assert list(card.references) == [13, 22]
    for picture, image in zip(card.references.values(), (0, 9)):
        assert np.abs(pixels(picture).astype(int) - face(1, image)).mean() < 12
    assert (card.predicted, card.name) == (0, "")


def test_references_are_never_flagged_themselves(head):
    rows = [row(key) for key in range(13, 22)]
    for card in flagged_cards(head, rows, {}):
        assert list(card.references) == [22]
    [alone] = flagged_cards(head, [row(26)], {})
    assert alone.references == {}


def test_images_that_cannot_be_decoded_are_no_references(tmp_path):
    broken = {13: b"no image", 22: b"", 16: b"x"}
    head = write_face_set(tmp_path / "head", IMAGES, payloads=broken)
    cards = {card.row.key: card for card in flagged_cards(head, [row(15), row(16)], {})}
    assert list(cards[15].references) == [14, 17]
    assert cards[16].picture == ""


def test_large_images_become_small(tmp_path):
    large = encode(cv2.resize(face(1, 1), (300, 150)))
    head = write_face_set(tmp_path / "head", IMAGES, payloads={15: large})
    [card] = flagged_cards(head, [row(15)], {})
    assert pixels(card.picture).shape == (56, 112, 3)


def test_the_surest_comes_first_the_rest_is_spread_and_no_other_records_are_read(
    tmp_path, monkeypatch
):
    read, whole = [], FaceRecords.read
    monkeypatch.setattr(FaceRecords, "read", lambda self, key: read.append(key) or whole(self, key))
    head = write_face_set(tmp_path / "head", (100,) * 5, size=8)
    chances = np.random.RandomState(1).permutation(250) / 500
    rows = [
        NoiseRow((key - 1) // 100, key, np.float32(chances[key // 2]), np.float32(0))
        for key in range(1, 501, 2)
    ]
    read.clear()
    shown = [float(card.row.largest) for card in flagged_cards(head, rows, {})]
    assert len(shown) == MOST_SHOWN and shown == sorted(shown)
    assert (shown[0], shown[-1]) == pytest.approx((0, 0.498))
    assert np.diff(shown) == pytest.approx(0.498 / (MOST_SHOWN - 1), abs=2.01e-3)
    assert MOST_SHOWN < len(read) <= 4 * MOST_SHOWN


def test_names_come_from_the_set(head):
    (head / "identities.txt").write_text("0 Ann 12\n1 <b>Bo b</b> 10\n")
    [card] = flagged_cards(head, [row(15)], {15: 0})
    assert (card.name, card.predicted_name) == ("<b>Bo b</b>", "Ann")


def test_a_list_of_another_set_is_refused(head):
    with pytest.raises(InputError, match="record 15 has label 1, but 3 in the noise list"):
        flagged_cards(head, [row(15)._replace(label=3)], {})
    with pytest.raises(InputError, match="5000"):
        flagged_cards(head, [row(15)._replace(key=5000)], {})


def test_a_set_of_images_in_any_order_has_references_too(tmp_path):
    labels = {key: key % 2 for key in range(10)}
    head = write_plain_set(tmp_path / "plain", labels)
    [card] = flagged_cards(head, [NoiseRow(1, 3, np.float32(0.1), np.float32(0.1))], {})
    assert list(card.references) == [1, 9]


@pytest.fixture
def stage(tmp_path):
    """The folder of step 2.2 in OUTPUT, which is `tmp_path`."""
    (tmp_path / "2.2-noise_resistance").mkdir()
    return tmp_path / "2.2-noise_resistance"


def test_a_stage_without_list_has_no_noise(tmp_path, stage):
    assert read_noise(tmp_path, None) is None
    (stage / "0_noiselist.txt").write_text("no list at all\n")
    assert read_noise(tmp_path, None) is None


def test_a_list_without_scores_is_told_of_alone(tmp_path, stage, head):
    write_noise_list(stage / "0_noiselist.txt", [row(15), row(1), row(2)])
    noise = read_noise(tmp_path, head)
    assert (len(noise.rows), noise.images, noise.chart, noise.problem) == (3, None, None, "")
    assert len(noise.cards) == 3 and f"--data-dir {head}" in noise.command
    (stage / "0_noise_scores.csv").write_text("label,record\n1,2\n")
    assert read_noise(tmp_path, head).problem == "0_noise_scores.csv cannot be read"


def scores_of(largest: np.ndarray) -> Scores:
    count = len(largest)
    return Scores(
        np.zeros(count, np.int32),
        np.arange(1, count + 1),
        largest.astype(np.float32),
        largest.astype(np.float32),
        np.full(count, 7, np.int32),
    )


def test_the_histogram_counts_every_image_once_and_cuts_between_the_kinds(tmp_path, stage, head):
    random = np.random.RandomState(4)
    largest = np.concatenate([random.uniform(0, 0.2, 200), random.uniform(0.8, 1, 3000), [0, 1]])
    scores = scores_of(largest)
    write_scores(stage / "0_noise_scores.csv", scores)
    write_noise_list(stage / "0_noiselist.txt", scores.rows(scores.largest < 0.5))
    noise = read_noise(tmp_path, None)
    assert noise.images == 3202 and len(noise.rows) == 201
    assert "201 flagged, 3,001 kept" in noise.chart.about
    odds, flagged = np.clip(logit(largest), -14, 12), largest < 0.5
    edges, cut = histogram_edges(odds, flagged)
    assert np.histogram(odds, edges)[0].sum() == 3202 and cut in edges
    assert odds[flagged].max() < cut < odds[~flagged].min()
    assert f"cut at about {expit(cut):.2g}" in noise.chart.svg


def test_there_is_no_cut_where_kept_and_flagged_images_mix():
    odds = np.array([-1.0, 0.5, 2.0])
    assert histogram_edges(odds, np.array([False, True, False]))[1] is None
    assert histogram_edges(odds, np.zeros(3, bool))[1] is None


@pytest.mark.parametrize("largest", [[0.5], [0.0, 1.0], []])
def test_few_scores_make_a_chart_or_none(tmp_path, stage, largest):
    write_scores(stage / "0_noise_scores.csv", scores_of(np.array(largest)))
    write_noise_list(stage / "0_noiselist.txt", [])
    noise = read_noise(tmp_path, None)
    assert noise.images == len(largest) and (noise.chart is None) == (not largest)


def test_sizes_of_a_set_are_counted(head):
    assert read_set("head", head).facts == ["4", "26", "1", "6.5", "6.5", "12"]


def test_a_set_that_is_gone_says_so(tmp_path):
    gone = read_set("tail", tmp_path / "gone")
    assert "gone" in gone.problem and gone.facts == []
    assert read_set("tail", None).problem == "the recipe names no folder"
    assert distribution_chart([gone]) is None


def test_every_identity_is_in_one_bar(tmp_path):
    sizes = [1] * 7 + [2] * 5 + [3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 25, 60]
    counted = np.histogram(sizes, bar_edges(60))[0]
    assert counted.sum() == len(sizes) and counted[:3].tolist() == [7, 5, 1]
    made = read_set("head", write_face_set(tmp_path / "set", sizes, size=8))
    chart = distribution_chart([made])
    assert chart.about == "head: 25 identities, half of them with at most 3 images."
    assert 'data-name="head"' in chart.svg


def test_the_list_that_the_recipe_took_out_in_the_end_counts(tmp_path, stage):
    write_noise_list(stage / "0_noiselist.txt", [row(15)])
    assert [found.key for found in read_noise(tmp_path, None).rows] == [15]
    (tmp_path / "3.1-denoise").mkdir()
    write_noise_list(tmp_path / "3.1-denoise" / "noiselist.txt", [row(15), row(2)])
    assert [found.key for found in read_noise(tmp_path, None).rows] == [15, 2]
