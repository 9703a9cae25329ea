"""Lists of image pairs: LFW's pairs.txt, and lines 'path1,path2,issame'."""

from __future__ import annotations

import csv
import re
from itertools import chain
from pathlib import Path
from typing import Iterator, NamedTuple

from unequal.support.errors import InputError
from unequal.support.files import numbered_lines

COLUMNS = ("path1", "path2", "issame")
HEADERS = ("issame", "is_same", "same")
FLAGS = {"0": False, "1": True, "false": False, "true": True}


class ListedPair(NamedTuple):
    """One pair: its line, two paths, and whether they show one person.

    `bare` paths lack their suffix, as LFW's list names images: Abel_Pacheco/Abel_Pacheco_0001.
    """

    line: int
    first: str
    second: str
    same: bool
    bare: bool = False


def read_pair_list(path: str | Path) -> Iterator[ListedPair]:
    """Yield the pairs of a list, in the order of the file; empty lines are passed over.

    A list whose first line is one or two numbers is LFW's: 'folds pairs' or 'pairs', then lines
    'name n1 n2' and 'name1 n1 name2 n2', separated by tabs or, where there is none, by white
    space. Others have lines 'path1,path2,issame', with commas (and quotes, as CSV) or tabs, whose
    issame is 0, 1, false or true; the first line may be a header.

    Raises:
        InputError: the file cannot be read, a line is no pair, or an LFW list has more or fewer
            lines than its first one says. The message names file and line.
    """
    lines = numbered_lines(path, "list")
    first = next(lines, None)
    if first is None:
        raise InputError(f"{path}: is empty; give a list of image pairs")
    if re.fullmatch(r"\d{1,9}(\s+\d{1,9})?", first[1].strip()):
        yield from _lfw_pairs(path, first[1], lines)
    else:
        yield from _path_pairs(path, chain([first], lines))


def _lfw_pairs(
    path: str | Path, first_line: str, lines: Iterator[tuple[int, str]]
) -> Iterator[ListedPair]:
    numbers = [int(number) for number in first_line.split()]
    promised = 2 * numbers[-1] * (numbers[0] if len(numbers) == 2 else 1)
    count = 0
    for number, line in lines:
        count += 1
        fields = [field.strip() for field in (line.split("\t") if "\t" in line else line.split())]
        if len(fields) == 3:
            fields.insert(2, fields[0])
        if len(fields) != 4 or not all(re.fullmatch(r"\d{1,9}", field) for field in fields[1::2]):
            raise InputError(
                f"{path}, line {number}: {line.strip()[:60]!r} is no line 'name n1 n2' or 'name1 "
                "n1 name2 n2', which follow a first line of numbers in LFW's pairs.txt"
            )
        first, second = (
            f"{name}/{name}_{int(image):04d}" for name, image in (fields[:2], fields[2:])
        )
        yield ListedPair(number, first, second, same=fields[0] == fields[2], bare=True)
    if count != promised:
        raise InputError(
            f"{path}: its first line, {first_line.strip()!r}, promises {promised} pairs and "
            f"{count} follow; copy the list again, or correct that line"
        )


def _path_pairs(path: str | Path, lines: Iterator[tuple[int, str]]) -> Iterator[ListedPair]:
    for count, (number, line) in enumerate(lines):
        fields = _fields(line)
        flag = fields[2].strip().lower() if len(fields) == 3 else ""
        if count == 0 and flag in HEADERS:
            continue
        if flag not in FLAGS or not all(fields[:2]):
            raise InputError(
                f"{path}, line {number}: {line.strip()[:60]!r} is no line 'path1,path2,issame', "
                "where issame is 0 or 1; nor does the list start with numbers, as LFW's pairs.txt"
            )
        yield ListedPair(number, fields[0], fields[1], FLAGS[flag])


def _fields(line: str) -> list[str]:
    """Return the fields of a line, none where it is no line of a CSV file."""
    if "\t" in line:
        return [field.strip() for field in line.split("\t")]
    try:
        return [field.rstrip() for field in next(csv.reader([line], skipinitialspace=True))]
    except csv.Error:
        return []
