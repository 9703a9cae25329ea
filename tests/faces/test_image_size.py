"""Every tool takes --size in the same words and refuses the same ones."""

from __future__ import annotations

import importlib
from pathlib import Path

import pytest

from unequal.faces.image_size import size_of_flag
from unequal.support.errors import InputError

COMMANDS = {
    "align": ["--input", "photos", "--landmarks", "points.csv"],
    "make": ["--input", "photos"],
    "pack_pairs": ["--pairs", "pairs.txt", "--images", "photos"],
}


@pytest.mark.parametrize(
    ("text", "size"),
    [
        ("112", (112, 112)),
        ("112,96", (112, 96)),
        ("112x96", (112, 96)),
        (" 112, 96 ", (112, 96)),
        ("1", (1, 1)),
        ("4096", (4096, 4096)),
        (None, None),
    ],
)
def test_one_number_or_height_and_width(text, size):
    assert size_of_flag(text) == size


@pytest.mark.parametrize(
    "text",
    [
        "",
        "x",
        "112,",
        ",112",
        "112;96",
        "1,2,3",
        "-1",
        "1.5",
        "0",
        "112,0",
        "4097",
        "9" * 5000,
        "1e2",
    ],
)
def test_what_is_no_size_is_refused_in_one_short_line(text):
    with pytest.raises(InputError, match="`size` .*: give height and width .* from 1 to 4096") as e:
        size_of_flag(text)
    assert len(str(e.value)) < 200


@pytest.mark.parametrize("tool", COMMANDS)
@pytest.mark.parametrize("text", ["big", "0", "112x5000"])
def test_all_tools_say_the_same(tmp_path, monkeypatch, capsys, tool, text):
    monkeypatch.chdir(tmp_path)
    Path("photos").mkdir()
    main = importlib.import_module(f"recordio_tools.{tool}").main
    assert main([*COMMANDS[tool], "--output", "output", "--size", text]) == 2
    with pytest.raises(InputError) as refused:
        size_of_flag(text)
    assert capsys.readouterr().err == f"{refused.value}\n".replace("`size`", "--size")
    assert not Path("output").exists()
