"""The command `unequal`: which subcommands there are, and what they start."""

from __future__ import annotations

from pathlib import Path

import pytest

from unequal.__main__ import main

REPOSITORY = Path(__file__).resolve().parents[2]


@pytest.fixture(autouse=True)
def words(monkeypatch):
    """The command names the subcommand in sys.argv; undone here."""
    monkeypatch.setattr("sys.argv", ["unequal"])


def test_the_help_lists_every_step_and_program(capsys):
    assert main(["--help"]) == main([]) == 0
    said = capsys.readouterr().out
    files = [*REPOSITORY.glob("recordio_tools/[!_]*.py"), *REPOSITORY.glob("eval/[!_]*.py")]
    programs = {path.stem for path in files if "__main__" in path.read_text(encoding="utf-8")}
    names = programs | {"build", "report", "recipe"}
    assert names | {"softmax", "savemodel", "noise_resistance"} <= set(
        said.replace(",", "").split()
    )


@pytest.mark.parametrize(
    "name, flag",
    [
        ("softmax", "--margin-m"),
        ("noise-resistance", "--noise-threshold"),
        ("unequal", "--interweight"),
        ("recipe", "--tail"),
        ("verification", "--nfolds"),
        ("contact-sheet", "--thumbnail"),
        ("contact_sheet", "--thumbnail"),
        ("report", "OUTPUT"),
        ("build", "--help"),
    ],
)
def test_a_subcommand_shows_its_own_help(name, flag, capsys):
    with pytest.raises(SystemExit) as end:
        main([name, "--help"])
    assert end.value.code == 0 and flag in capsys.readouterr().out


def test_a_refusal_names_the_subcommand(capsys):
    assert main(["softmax", "--data-dir", "nowhere"]) == 2
    assert capsys.readouterr().err.startswith("unequal softmax: ")


def test_another_word_is_refused_in_one_line(capsys):
    assert main(["train"]) == 2
    assert (
        capsys.readouterr().err
        == "unequal: there is no 'train'; `unequal --help` lists what there is\n"
    )
