"""Step 2.2 with --noise-threshold auto, end to end, on a set with planted grey images."""

from __future__ import annotations

from pathlib import Path

import mxnet as mx
import numpy as np
import pytest

from record_fixtures import encode, write_face_set
from script_runs import run_here, run_script
from unequal.checkpoints.checkpoint import Checkpoint
from unequal.checkpoints.embedder import load_embedder
from unequal.faces.decoding import ImageLoader
from unequal.faces.face_records import FaceRecords
from unequal.faces.noise_list import read_noise_list
from unequal.faces.noise_scores import read_scores
from unequal.training.inference import noise_predictor

pytestmark = pytest.mark.slow

CLASSES, IMAGES, SCALE = 20, 8, 12.0
GREY = range(1, CLASSES * IMAGES + 1, 4)
BROKEN = 2
SMALL = f"""--network r18 --width 0.125 --emb-size 32 --loss-type 4 --margin-m 0.3
    --margin-s {SCALE} --seed 1 --target none --per-batch-size 8 --version-output J""".split()
FILES = {"0_noiselist.txt", "0_noise_scores.csv", "0_noise_histogram.png"}


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """A clean set, one with noise, and a checkpoint of steps 1 and 2.1 on the clean one."""
    folder = tmp_path_factory.mktemp("noise")
    grey = {
        key: encode(np.random.RandomState(key).normal(128, 6, (16, 16, 3)).astype(np.uint8))
        for key in GREY
    }
    write_face_set(folder / "clean", [IMAGES] * CLASSES)
    write_face_set(folder / "noisy", [IMAGES] * CLASSES, payloads={**grey, BROKEN: b"junk"})
    start = "--data-dir clean --lr 0.05 --end-epoch 12 --prefix m/a"
    run(folder, "train_softmax.py", *start.split())
    save = "--data-dir clean --lr 0.001 --max-steps 1 --pretrained m/a,0 --prefix m/t"
    run(folder, "train_NR_savemodel.py", *save.split())
    return folder


@pytest.fixture(scope="module")
def runs(made):
    """The log of step 2.2 on each set with each threshold; its files are in made/SET_THRESHOLD.

    The first runs in a process of its own, where matplotlib has not yet looked for fonts.
    """
    flags = "--lr 0.001 --max-steps 1 --pretrained m/t,0 --prefix m/n".split()
    logs = {}
    for case in [("noisy", "auto"), ("clean", "auto"), ("noisy", 0), ("noisy", 0.5)]:
        name, threshold = case
        words = [*flags, "--data-dir", name, "--noise-threshold", threshold]
        words += ["--bin-dir", f"{name}_{threshold}"]
        logs[case] = run(made, "train_NR.py", *words, alone=not logs)
    return logs


def run(folder, script, *flags, alone=False):
    fonts = {"MPLCONFIGDIR": str(folder / "fonts_not_yet_known")} if alone else {}
    start = run_script if alone else run_here
    done = start(script, *SMALL, *flags, folder=folder, **fonts)
    assert done.returncode == 0, done.stdout
    return done.stdout.splitlines()


def said(log):
    """Threshold and reason of the one line that tells them."""
    (line,) = [line for line in log if line.startswith("noise threshold ")]
    number, _, reason = line[len("noise threshold ") :].partition(": ")
    return float(number), reason


def names(folder):
    return {path.name for path in folder.iterdir()}


def test_auto_leaves_out_the_grey_images_and_no_other(made, runs):
    log = runs["noisy", "auto"]
    threshold, reason = said(log)
    assert 0.5 < threshold < 1 and "the valley between modes" in reason
    assert "Initialize done:  160 119 40" in log
    rows = list(read_noise_list(made / "noisy_auto" / "0_noiselist.txt"))
    assert [row.key for row in rows] == list(GREY)
    assert all(row.largest < threshold for row in rows)


def test_the_line_stands_between_scoring_and_what_is_kept(runs):
    log = runs["noisy", "auto"]
    at = next(i for i, line in enumerate(log) if line.startswith("noise threshold "))
    assert log[at - 1] == "start bb,ba 160 160" and log[at + 1].startswith("Initialize done:")


def test_a_set_without_noise_is_left_whole(made, runs):
    threshold, reason = said(runs["clean", "auto"])
    assert threshold == 0 and reason.startswith("nothing is left out")
    assert "Initialize done:  160 160 0" in runs["clean", "auto"]
    assert (made / "clean_auto" / "0_noiselist.txt").read_text() == ""
    assert names(made / "clean_auto") == FILES


def test_every_image_but_the_broken_one_has_a_score(made, runs):
    for threshold in ("auto", 0.5):
        assert names(made / f"noisy_{threshold}") == FILES
        scores = read_scores(made / f"noisy_{threshold}" / "0_noise_scores.csv")
        assert scores.keys.tolist() == [key for key in range(1, 161) if key != BROKEN]
        assert scores.labels.tolist() == [(key - 1) // IMAGES for key in scores.keys.tolist()]
        assert np.array_equal(scores.largest == scores.of_label, scores.predicted == scores.labels)


def test_drawing_the_histogram_leaves_no_line_in_the_log(runs):
    assert not any("matplotlib" in line for log in runs.values() for line in log)


def test_a_number_flags_the_scores_below_it_and_tells_nothing_new(made, runs):
    log = runs["noisy", 0.5]
    assert not any(line.startswith("noise threshold ") for line in log)
    scores = read_scores(made / "noisy_0.5" / "0_noise_scores.csv")
    rows = list(read_noise_list(made / "noisy_0.5" / "0_noiselist.txt"))
    assert rows == list(scores.rows(scores.largest < 0.5)) and len(rows) > 0
    assert f"Initialize done:  160 {159 - len(rows)} {len(rows)}" in log


def test_threshold_0_writes_what_2019_wrote(made, runs):
    assert names(made / "noisy_0") == {"0_noiselist.txt"}
    assert (made / "noisy_0" / "0_noiselist.txt").read_text() == ""
    assert "Initialize done:  160 159 0" in runs["noisy", 0]


def softmax(logits):
    odds = np.exp(logits - logits.max(axis=1, keepdims=True))
    return odds / odds.sum(axis=1, keepdims=True)


def cosines(made, scores):
    """Of the embeddings of the noisy set with the class weights, float64."""
    weight = mx.nd.load(str(made / "m" / "t-0000.params"))["arg:fc7_weight"].asnumpy()
    records = FaceRecords(made / "noisy")
    loader = ImageLoader(records, (3, 16, 16))
    images, _ = loader.load(scores.keys)
    loader.close()
    embed = load_embedder(Checkpoint(str(made / "m" / "t"), 0))
    faces = embed(np.stack(images).transpose(0, 3, 1, 2)).astype(np.float64)
    faces, weight = (x / np.linalg.norm(x, axis=1, keepdims=True) for x in (faces, weight))
    return faces @ weight.T


def test_probabilities_of_auto_have_no_margin_those_of_a_number_have(made, runs):
    for threshold, margin in (("auto", 0.0), (0.5, 0.3)):
        scores = read_scores(made / f"noisy_{threshold}" / "0_noise_scores.csv")
        cosine, rows = cosines(made, scores), np.arange(159)
        angle = np.arccos(cosine[rows, scores.labels]) + margin
        assert angle.max() < np.pi
        cosine[rows, scores.labels] = np.cos(angle)
        expected = softmax(SCALE * cosine)
        np.testing.assert_allclose(scores.of_label, expected[rows, scores.labels], atol=2e-4)
        np.testing.assert_allclose(scores.largest, expected.max(axis=1), atol=2e-4)
        np.testing.assert_array_equal(scores.predicted, expected.argmax(axis=1))


def test_a_checkpoint_of_2019_gives_probabilities_without_margin_too(golden):
    folder = golden / "h_misc" / "mining"
    quiet = lambda *values: None  # noqa: E731
    plain, moved = (
        noise_predictor(Checkpoint(str(folder / "model_t"), 0), [mx.cpu()], quiet, margin=margin)
        for margin in (False, True)
    )
    images = np.random.RandomState(1).randint(0, 256, (6, 3, 16, 16)).astype(np.uint8)
    first, second = np.zeros(6, np.float32), np.full(6, 3, np.float32)
    np.testing.assert_array_equal(plain(images, first), plain(images, second))
    with_margin, without = moved(images, second), plain(images, second)
    assert np.all(with_margin[:, 3] < without[:, 3])
    others = np.delete(with_margin, 3, 1) / np.delete(without, 3, 1)
    np.testing.assert_allclose(others, np.repeat(others[:, :1], others.shape[1], 1), rtol=1e-4)


@pytest.mark.parametrize("value", ["automatic", "", "0.1,0.2"])
def test_another_word_is_refused(tmp_path: Path, value):
    done = run_here("train_NR.py", "--data-dir", "x", "--noise-threshold", value, folder=tmp_path)
    assert done.returncode == 2
    assert f"--noise-threshold: {value!r}: give a probability, or auto" in done.stdout
