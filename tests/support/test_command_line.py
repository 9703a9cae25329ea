"""How every tool ends: its status, one line for what went wrong, progress that suits a pipe."""

from __future__ import annotations

import io
import os
import signal

import pytest

from unequal.support import command_line as command
from unequal.support.command_line import make_parser, processes_of, progress, run
from unequal.support.errors import InputError


def tool():
    return make_parser("tool", "What it does.", "  python -m recordio_tools.tool --input x")


def ending(error: BaseException):
    def work(args):
        raise error

    return run(tool(), work, [])


@pytest.mark.parametrize(("returned", "status"), [(None, 0), (0, 0), (1, 1)])
def test_the_status_is_what_the_work_returns(returned, status):
    assert run(tool(), lambda args: returned, []) == status


@pytest.mark.parametrize(
    ("error", "status", "line"),
    [
        (InputError("--input x: is a file"), 2, "--input x: is a file"),
        (FileNotFoundError(2, "No such file", "a/b.jpg"), 2, "a/b.jpg: No such file"),
        (OSError(28, "No space left on device"), 2, "No space left on device"),
        (KeyboardInterrupt(), 130, "interrupted; what was being written is dropped"),
    ],
)
def test_a_bad_end_is_one_line_and_a_status(capsys, error, status, line):
    assert ending(error) == status
    captured = capsys.readouterr()
    assert captured.err == line + "\n" and captured.out == ""


def test_sigterm_ends_like_an_interrupt_and_only_while_the_tool_runs(capsys):
    before = signal.getsignal(signal.SIGTERM)
    assert run(tool(), lambda args: os.kill(os.getpid(), signal.SIGTERM), []) == 143
    assert signal.getsignal(signal.SIGTERM) == before


def test_help_ends_with_the_example(capsys):
    with pytest.raises(SystemExit) as ended:
        run(tool(), lambda args: 0, ["--help"])
    assert ended.value.code == 0
    text = capsys.readouterr().out
    assert "What it does." in text and text.rstrip().endswith("recordio_tools.tool --input x")


def test_a_wrong_number_of_processes_is_bad_input():
    assert processes_of(3) == 3 and processes_of(0) >= 1
    for number in (-1, 5000):
        with pytest.raises(InputError, match="processes"):
            processes_of(number)


def test_progress_passes_the_items_on_and_writes_plain_lines_into_a_pipe(monkeypatch, capsys):
    monkeypatch.setattr(command, "SECONDS_BETWEEN_LINES", 0.0)
    assert list(progress(range(600), 600)) == list(range(600))
    lines = capsys.readouterr().err.splitlines()
    assert [line.split(",")[0] for line in lines] == ["256 of 600 images", "512 of 600 images"]


def test_progress_is_a_bar_on_a_terminal(monkeypatch):
    class Terminal(io.StringIO):
        def isatty(self):
            return True

    terminal = Terminal()
    monkeypatch.setattr("sys.stderr", terminal)
    assert list(progress(range(3), 3, label="reading")) == [0, 1, 2]
    assert "reading: 100%" in terminal.getvalue()
