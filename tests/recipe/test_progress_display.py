"""Where the lines of a stage go, and what its bar shows."""

from __future__ import annotations

import logging
from functools import partial
from types import SimpleNamespace

import pytest
from tqdm import tqdm

from unequal.recipe.progress_display import bar_of, log_of
from unequal.support.console import say


@pytest.fixture
def one_handler():
    """The root logger with a handler of its own, as a script has it."""
    root = logging.getLogger()
    before, level = list(root.handlers), root.level
    root.handlers = [logging.NullHandler()]
    root.setLevel(logging.INFO)
    yield root
    root.handlers = before
    root.setLevel(level)


@pytest.mark.parametrize("terminal", [True, False])
def test_all_lines_are_in_the_file_and_on_a_terminal_nowhere_else(
    tmp_path, capsys, terminal, one_handler
):
    path, before = tmp_path / "log.txt", list(one_handler.handlers)
    path.write_text("earlier\n")
    with log_of(str(path), terminal):
        say("call reset()")
        logging.info("Epoch[0] Train-acc=0.5")
        logging.warning("skipping image record 3")
    say("afterwards")
    assert path.read_text().splitlines() == [
        "earlier",
        "call reset()",
        "INFO:root:Epoch[0] Train-acc=0.5",
        "WARNING:root:skipping image record 3",
    ]
    out, err = capsys.readouterr()
    assert out.splitlines() == (["afterwards"] if terminal else ["call reset()", "afterwards"])
    assert ("skipping image record 3" in err) == terminal and "Train-acc" not in err
    assert one_handler.handlers == before


def test_a_bar_shows_step_loss_and_mean_and_resumes_where_a_run_does(capsys, monkeypatch):
    every_step = partial(tqdm, mininterval=0, miniters=1, ncols=120)
    monkeypatch.setattr("unequal.recipe.progress_display.tqdm", every_step)
    history = SimpleNamespace(
        latest={"acc": 0.25, "softmaxloss": 3.5, "lfw_accuracy": 0.9, "mean_accuracy": 0.8}
    )
    with bar_of("1-softmax", 40, 64, terminal=True) as watch:
        for step in (11, 12, 13):
            watch(SimpleNamespace(step=step), history)
        shown = capsys.readouterr().err
    assert "1-softmax:  32%" in shown and "13/40" in shown
    assert "acc=0.250" in shown and "mean_accuracy=0.800" in shown and "lfw" not in shown


def test_without_a_terminal_there_is_no_bar(capsys):
    with bar_of("1-softmax", 40, 64, terminal=False) as watch:
        assert watch is None
    assert capsys.readouterr().err == ""
