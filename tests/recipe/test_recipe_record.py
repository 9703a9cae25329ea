"""What lies in the folder of a recipe is the recipe's, or is left alone."""

from __future__ import annotations

import json

import pytest

from unequal.recipe import flags
from unequal.recipe.record import open_record
from unequal.support.errors import InputError


def opened(folder, *words):
    settings = flags.parse(["--head", "H", "--tail", "T", "--output", str(folder), *words])
    return open_record(settings, "cpu(0)")


def test_a_record_is_opened_again_with_what_was_noted(tmp_path):
    opened(tmp_path).note("2.2-noise_resistance", status="done", seconds=3.5)
    assert opened(tmp_path).stage("2.2-noise_resistance")["seconds"] == 3.5
    assert opened(tmp_path, "--workers", "3").stage("2.2-noise_resistance")["status"] == "done"


def test_other_flags_are_refused_by_name(tmp_path):
    opened(tmp_path)
    with pytest.raises(InputError, match="`margin_m` 0.5, not 0.3"):
        opened(tmp_path, "--margin-m", "0.3")


def test_what_a_kill_has_left_is_in_nobodys_way(tmp_path):
    for name in ("recipe.json.41.tmp", ".lock", "report.html.7.tmp"):
        (tmp_path / name).write_text("")
    (tmp_path / ".head_denoised.12.partial").mkdir()
    assert opened(tmp_path).stage("1-softmax")["status"] == "waiting"


@pytest.mark.parametrize("foreign", ['{"cake": "flour"}', "[]", "no JSON", '{"version": 1}'])
def test_fresh_removes_nothing_beside_a_recipe_of_somebody_else(tmp_path, foreign):
    (tmp_path / "recipe.json").write_text(foreign)
    (tmp_path / "final").mkdir()
    (tmp_path / "final" / "thesis.txt").write_text("years")
    with pytest.raises(InputError, match="not this recipe's"):
        opened(tmp_path, "--fresh")
    assert (tmp_path / "final" / "thesis.txt").read_text() == "years"
    assert (tmp_path / "recipe.json").read_text() == foreign


def test_fresh_removes_what_the_recipe_made_and_says_so(tmp_path, capsys):
    opened(tmp_path)
    (tmp_path / "1-softmax").mkdir()
    (tmp_path / "1-softmax" / "model-0000.params").write_text("")
    record = opened(tmp_path, "--fresh", "--seed", "5")
    assert "removing 1-softmax, recipe.json" in capsys.readouterr().out
    assert not (tmp_path / "1-softmax").exists() and record.facts["flags"]["seed"] == 5


def test_a_removal_that_was_cut_short_is_not_resumed(tmp_path):
    opened(tmp_path)
    facts = json.loads((tmp_path / "recipe.json").read_text())
    facts["flags"] = {"head": "that is being removed"}
    (tmp_path / "recipe.json").write_text(json.dumps(facts))
    with pytest.raises(InputError, match="`fresh`"):
        opened(tmp_path)
    assert opened(tmp_path, "--fresh").stage("3.1-denoise")["status"] == "waiting"


def test_a_run_of_an_earlier_version_is_refused_by_name_and_fresh_removes_it(tmp_path, capsys):
    old = ["1-again", "1-softmax", "2a-savemodel", "2b-NR", "3-interweight-5", "denoise"]
    for name in old:
        (tmp_path / name).mkdir()
    (tmp_path / "recipe.json").write_text('{"version": 1, "flags": {"head": "H", "stage1": []}}')
    with pytest.raises(InputError, match="finish it with that version, give `fresh`"):
        opened(tmp_path)
    assert len(list(tmp_path.iterdir())) == 7
    opened(tmp_path, "--fresh")
    assert f"removing {', '.join(old)}, recipe.json" in capsys.readouterr().out
    assert [path.name for path in tmp_path.iterdir()] == ["recipe.json"]
