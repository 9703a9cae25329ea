"""report.html: what it says is what the files say, whatever is missing or strange in them."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import sys
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import pytest

from record_fixtures import write_face_set
from report_fixtures import STAGES, change_recipe, write_json, write_output
from unequal.report.__main__ import main
from unequal.report.page import write_report
from unequal.support.errors import InputError

pytestmark = pytest.mark.slow

REPOSITORY = Path(__file__).resolve().parents[2]
SECTIONS = "verdict verification choice training final noise distribution ran".split()
VOID = {"meta", "img", "br", "link", "input"}
EVIL = "<b onclick=\"alert('x')\">&amp;{{ 7 * 7 }}</b></script></style><script>alert(1)</script>"


class Page(HTMLParser):
    """A page taken apart: text by section, all tags, addresses and elements that stay open."""

    def __init__(self, path: Path) -> None:
        super().__init__()
        self.sections: dict[str, str] = {}
        self.tags: list[tuple[str, dict]] = []
        self.open: list[str] = []
        self._section = ""
        self.feed(path.read_text(encoding="utf-8"))
        self.sections = {name: re.sub(" +", " ", text) for name, text in self.sections.items()}

    def handle_starttag(self, tag, attrs):
        self.tags.append((tag, dict(attrs)))
        if tag not in VOID:
            self.open.append(tag)
        if tag == "section":
            self._section = dict(attrs)["id"]

    def handle_startendtag(self, tag, attrs):
        self.tags.append((tag, dict(attrs)))

    def handle_endtag(self, tag):
        assert self.open.pop() == tag
        if tag == "section":
            self._section = ""

    def handle_data(self, data):
        words = " ".join(data.split())
        self.sections[self._section] = f"{self.sections.get(self._section, '')} {words}"

    def count(self, tag, **attributes):
        return sum(name == tag and attributes.items() <= found.items() for name, found in self.tags)


@pytest.fixture(scope="module")
def made(tmp_path_factory) -> Path:
    """A folder with a finished OUTPUT, `out`, and its sets; not to be changed."""
    return write_output(tmp_path_factory.mktemp("made") / "out").parent


@pytest.fixture(scope="module")
def page(made):
    """The page of a finished OUTPUT."""
    return page_of(made / "out")


@pytest.fixture
def output(made, tmp_path) -> Path:
    """A finished OUTPUT of the test's own, and its sets beside it."""
    for part in ("out", "sets"):
        shutil.copytree(made / part, tmp_path / part)
    text = (made / "out" / "recipe.json").read_text().replace(str(made), str(tmp_path))
    (tmp_path / "out" / "recipe.json").write_text(text)
    return tmp_path / "out"


@pytest.fixture
def begun(tmp_path) -> Path:
    """An OUTPUT in which the first stage is running: its page is quickly made."""
    return write_output(tmp_path / "out", done=0)


def page_of(folder: Path) -> Page:
    page = Page(write_report(folder))
    assert page.open == []
    assert [found["id"] for tag, found in page.tags if tag == "section"] == SECTIONS
    return page


def percent(rate: float) -> str:
    return f"{100 * rate:.2f} %"


def test_every_figure_of_the_evaluation_stands_in_the_page(made, page):
    output = made / "out"
    found = json.loads((output / "evaluation.json").read_text())
    table = page.sections["verification"]
    for row in found["rows"]:
        assert f"{percent(row['accuracy'])} ± {100 * row['std']:.2f}" in table
        assert f"{row['auc']:.5f}" in table
        for rate in row["tar"].values():
            assert "–" in table if rate is None else percent(rate) in table
    for row in found["identification"]:
        assert percent(row["rank1"]) in table and percent(row["rank5"]) in table
    assert table.count("final ") >= 4 and page.count("td", **{"class": "best"}) == 3


def test_the_verdict_shows_both_models_on_every_target(made, page):
    output = made / "out"
    rows = json.loads((output / "evaluation.json").read_text())["rows"]
    by_model = {(row["stage"], row["target"]): row["accuracy"] for row in rows}
    for target in ("unseen", "lfw", "cfp_fp"):
        first, final = by_model["1-softmax", target], by_model["3.2-unequal-1", target]
        told = f"{target} {100 * (final - first):+.2f} points 1-softmax {percent(first)}, final "
        told += f"{percent(final)} area under ROC"
        assert told in page.sections["verdict"]
    assert page.sections["verdict"].count("600 pairs: one pair is 0.17 points") == 3
    assert page.count("svg", **{"class": "interval"}) == 3


def test_every_stage_is_told_of_with_reason_verdict_command_and_time(page):
    for name, title, why, steps, _, _, verdict in STAGES:
        choice = page.sections["choice"]
        assert name in choice and title in choice and why in choice
        assert name == "3.2-unequal-10" or verdict in choice
        assert f"python train.py --network r50 --prefix {name}/model" in page.sections["ran"]
        if steps and name != "3.2-unequal-10":
            assert f" {steps:,} {64 * steps:,}" in page.sections["ran"]
    assert "mxnet 1.9.1" in page.sections["ran"]
    assert "cpu(0)" in page.sections["ran"]


def test_curves_are_drawn_for_every_stage_that_trained_and_every_target(page):
    text = page.sections["training"]
    assert text.count("Verification accuracy") == 2 + 4 and text.count("Softmax loss") == 3
    assert text.count("Noise-resistance loss") == 1 and text.count("Inter-class loss") == 2
    for target in ("unseen", "lfw", "cfp_fp"):
        assert f"True acceptance rate on {target} (ROC)" in page.sections["final"]
        assert f"Distances on {target}" in page.sections["final"]
    plots = [found for tag, found in page.tags if found.get("class") == "plot"]
    assert len(plots) == 2 + 3 + 3 + 4 + 4 + 3 * 2 + 1 + 1
    assert all(found["role"] == "img" and found["aria-label"] for found in plots)


def test_flagged_images_and_sizes_of_the_sets_are_shown(made, page):
    output = made / "out"
    flagged = len((output / "2.2-noise_resistance" / "0_noiselist.txt").read_text().splitlines())
    images = (
        len((output / "2.2-noise_resistance" / "0_noise_scores.csv").read_text().splitlines()) - 1
    )
    share = f"({100 * flagged / images:.1f} %)"
    assert f"{flagged} images of {images} {share}" in page.sections["noise"]
    assert page.count("img", **{"class": "flagged"}) == min(48, flagged)
    assert all(found["alt"] for tag, found in page.tags if tag == "img")
    sizes = page.sections["distribution"]
    assert "head 11 220 10 20 20.0 30" in sizes and "tail 16 64 3 3 4.0 9" in sizes


def test_a_finished_run_says_so(page):
    assert "Finished 2026-11-22 09:12." in page.sections[""]
    assert "no verdict" not in page.sections["verdict"]


@pytest.mark.parametrize("done", [0, 2, 3])
def test_a_page_can_be_written_after_every_stage(tmp_path, done):
    page = page_of(write_output(tmp_path / "out", done=done, targets=["lfw"]))
    running = STAGES[done][0]
    assert f"Not finished: {done} of 8 stages done, and {running} has begun." in page.sections[""]
    assert "There is no final evaluation yet" in page.sections["verdict"]
    assert ("has not written its noise list yet" in page.sections["noise"]) == (done < 3)


def test_a_recipe_that_has_just_begun_has_a_page(tmp_path):
    write_json(tmp_path / "recipe.json", {"version": 1, "stages": []})
    page = page_of(tmp_path)
    for section, words in {
        "verdict": "Nothing has been evaluated yet",
        "verification": "no evaluation.json",
        "choice": "not recorded any stage",
        "training": "No stage has written",
        "final": "come with the final evaluation",
        "noise": "not written its noise list",
        "distribution": "the recipe names no folder",
    }.items():
        assert words in page.sections[section]


@pytest.mark.parametrize(
    "gone",
    [
        ["evaluation.json", "1-softmax", "2.2-noise_resistance/0_noise_scores.csv"],
        ["3.2-unequal-1/history.jsonl", "2.2-noise_resistance", "../sets"],
        ["evaluation.json", "../sets/head/train.rec"],
    ],
)
def test_whatever_is_missing_the_rest_is_shown(output, gone):
    for path in (output / name for name in gone):
        shutil.rmtree(path) if path.is_dir() else path.unlink()
    page = page_of(output)
    assert ("cannot be read" in page.sections["distribution"]) == ("sets" in gone[-1])
    assert ("Something is missing here" in page.sections["noise"]) == ("train.rec" in gone[-1])
    assert "best: 150" in page.sections["training"]


@pytest.mark.parametrize("names", ["0_noise_scores.csv", "0_noiselist.txt"])
@pytest.mark.parametrize("content", [b"", b"\xff\x00\n\xfe", b"{}"])
def test_whatever_is_broken_the_rest_is_shown(output, names, content):
    sets = ["../sets/head/train.idx", "../sets/tail/train.rec"]
    for name in ["evaluation.json", "1-softmax/history.jsonl", *sets]:
        (output / name).write_bytes(content)
    (output / "2.2-noise_resistance" / names).write_bytes(content)
    page = page_of(output)
    assert "best: 400" in page.sections["training"]
    assert "python train.py" in page.sections["ran"]


def test_strange_names_are_text(tmp_path):
    head = write_face_set(tmp_path / "head", (6,) * 40, size=8)
    (head / "identities.txt").write_text("".join(f"{i} {EVIL} 6\n" for i in range(40)))
    folder = write_output(tmp_path / "out", head=head, targets=(EVIL, "lfw"))
    recipe = json.loads((folder / "recipe.json").read_text())
    for stage in recipe["stages"]:
        stage.update(title=EVIL, why=EVIL, command=EVIL, verdict=EVIL, ended_by=EVIL)
    flags = {**recipe["flags"], EVIL: EVIL}
    change_recipe(folder, stages=recipe["stages"], versions={EVIL: EVIL}, flags=flags)
    page = page_of(folder)
    assert page.count("script") == page.count("style") == 1 and page.count("b") == 0
    assert not any(name.startswith("on") for _, found in page.tags for name in found)
    assert EVIL in page.sections["choice"] and EVIL in page.sections["noise"]


def test_bytes_of_names_that_are_no_text_do_no_harm(begun):
    change_recipe(begun, flags={"head": "caf\udce9", "tail": "\ud800"})
    assert "cannot be read" in page_of(begun).sections["distribution"]


def test_nothing_is_loaded_from_anywhere(made, page):
    output = made / "out"
    text = (output / "report.html").read_text(encoding="utf-8")
    assert not re.search(r"@import|url\((?!#)", text)
    for tag, found in page.tags:
        assert tag not in ("link", "iframe", "object", "embed", "base", "form")
        for name in ("src", "href", "xlink:href", "srcset", "poster", "action"):
            assert found.get(name, "#").startswith(("#", "data:image/jpeg;base64,"))
    [policy] = [found["content"] for tag, found in page.tags if found.get("http-equiv")]
    assert policy.startswith("default-src 'none'; img-src data:;")
    links = {found["href"] for tag, found in page.tags if tag == "a"}
    assert links == {f"#{section}" for section in SECTIONS}
    assert len(text) < 1_000_000


def with_history(folder: Path, *lines: dict) -> Path:
    """An OUTPUT whose first stage is done and has these lines of history."""
    write_output(folder, done=1)
    (folder / "1-softmax" / "history.jsonl").write_text("\n".join(map(json.dumps, lines)))
    return folder


def of_test(step, mean):
    return {"kind": "test", "step": step, "mean": mean, "targets": {"lfw": {"accuracy": mean}}}


def test_what_was_measured_once_is_told_in_words(tmp_path):
    once = {"kind": "train", "step": 1, "softmaxloss": 3.25}
    folder = with_history(tmp_path / "out", of_test(1, 0.695), once)
    told = page_of(folder).sections["training"]
    assert "Tested once, at step 1: lfw 69.50" in told and "Softmax loss: 3.25 at step 1." in told


def test_a_long_history_does_not_make_a_long_page(tmp_path):
    random = np.random.RandomState(0)
    line = {"kind": "train", "softmaxloss": 3.0}
    lines = [{**line, "step": 20 * i, "acc": random.rand()} for i in range(1, 20_001)]
    assert len(write_report(with_history(tmp_path / "out", *lines)).read_bytes()) < 200_000


def test_the_best_step_is_that_of_the_recipe(tmp_path):
    tests = [of_test(step, mean) for step, mean in ((1, 0.9), (50, 0.71), (100, 0.72))]
    folder = with_history(tmp_path / "out", *tests)
    stages = json.loads((folder / "recipe.json").read_text())["stages"]
    stages[0]["best"] = {"step": 100, "mean": 0.72}
    change_recipe(folder, stages=stages)
    told = page_of(folder).sections["training"]
    assert "At the best step, 100: lfw 72.00" in told and "1-softmax 72.00" in told


def test_checkpoints_are_named_as_in_the_folder(begun):
    stages = json.loads((begun / "recipe.json").read_text())["stages"]
    stages[0]["checkpoint"] = f"{begun}/1-softmax/model-best,0"
    change_recipe(begun, stages=stages)
    assert str(begun) not in page_of(begun).sections["ran"].partition("Commands")[0]


def test_writing_again_replaces_the_page_and_leaves_nothing_else(begun):
    before = {path.name for path in begun.iterdir()}
    first = write_report(begun).read_text(encoding="utf-8")
    change_recipe(begun, created=None)
    assert write_report(begun).read_text(encoding="utf-8") != first
    assert {path.name for path in begun.iterdir()} == before | {"report.html"}


def test_the_denoised_head_is_counted_where_it_is_there(begun):
    write_face_set(begun / "head_denoised", (5, 4))
    assert "head, denoised 2 9 4" in page_of(begun).sections["distribution"]


def test_the_command_writes_the_page_and_names_it(begun, capsys):
    assert main([str(begun)]) == 0
    assert capsys.readouterr().out == f"{begun / 'report.html'}: open it in a browser\n"
    assert (begun / "report.html").is_file()


def test_the_command_refuses_other_folders_in_one_line(tmp_path):
    ended = subprocess.run(
        [sys.executable, "-m", "unequal.report", str(tmp_path)],
        capture_output=True,
        text=True,
        env={"PYTHONPATH": str(REPOSITORY / "src")},
        cwd=REPOSITORY,
    )
    assert ended.returncode == 2 and ended.stdout == "" and list(tmp_path.iterdir()) == []
    assert ended.stderr.count("\n") == 1 and "recipe.json" in ended.stderr


def test_a_page_that_cannot_be_written_is_told_in_one_line(begun):
    (begun / "report.html").mkdir()
    with pytest.raises(InputError, match=r"report\.html: cannot be written"):
        write_report(begun)
