"""Labels and names of identities: mapping.csv, identities.txt and lists of them."""

from __future__ import annotations

import csv
import re
from contextlib import contextmanager
from pathlib import Path
from typing import Callable, Collection, Iterator, Mapping, NamedTuple

from unequal.support.errors import InputError
from unequal.support.files import numbered_lines

IDENTITY_LINE = re.compile(r"(\d{1,18})[ \t]+(.+)[ \t]+(\d{1,18})")


class MappedIdentity(NamedTuple):
    """An identity of a new set: its labels there and in the set it comes from, images, name."""

    new_label: int
    old_label: int
    images: int
    name: str = ""


@contextmanager
def mapping_file(path: str | Path) -> Iterator[Callable[..., None]]:
    """Open a CSV file and give a function that writes one identity's row.

    The columns are new_label, old_label, images, name. The column `set` comes before them where
    the function is given `set_name`, which must then be given with every row.
    """
    # names that are not UTF-8 come out as they went in
    with open(path, "w", newline="", encoding="utf-8", errors="surrogateescape") as file:
        rows = csv.writer(file, lineterminator="\n")
        started = False

        def write(identity: MappedIdentity, set_name: str | None = None) -> None:
            nonlocal started
            first = [] if set_name is None else [set_name]
            if not started:
                rows.writerow([*(["set"] if first else []), *MappedIdentity._fields])
                started = True
            rows.writerow([*first, *identity])

        yield write


def read_names(data_dir: str | Path) -> dict[int, str]:
    """Return the identities' names by label, of data_dir/identities.txt; {} without that file.

    Its lines are 'label name images'; a name may hold spaces.

    Raises:
        InputError: a line is something else; the message names file and line.
    """
    path = Path(data_dir) / "identities.txt"
    names = {}
    for number, line in _lines(path) if path.exists() else ():
        match = IDENTITY_LINE.fullmatch(line)
        if not match:
            raise InputError(
                f"{path}, line {number}: {line[:60]!r} is no line 'label name images'; correct or "
                "remove the file"
            )
        names[int(match.group(1))] = match.group(2)
    return names


def read_identity_list(
    path: str | Path, data_dir: str | Path, labels: Collection[int], names: Mapping[int, str]
) -> set[int]:
    """Return the labels of the identities that a file lists, one a line.

    A line is a label, a name, or a whole line of identities.txt. A name that several identities
    have means all of them.

    Args:
        path: the file.
        data_dir: the set, for messages.
        labels: those that the set has.
        names: the names of its identities, see read_names.

    Raises:
        InputError: the file cannot be read or lists nothing; or a line is no identity of the set,
            or is the label of one identity and the name of another. The message names the line.
    """
    named: dict[str, set[int]] = {}
    for label, name in names.items():
        if label in labels:
            named.setdefault(name, set()).add(label)
    listed: set[int] = set()
    for number, line in _lines(path):
        found = set(named.get(line, ()))
        as_label = int(line) if re.fullmatch(r"0|[1-9]\d{0,17}", line) else -1
        if as_label in labels:
            if found - {as_label}:
                raise InputError(
                    f"{path}, line {number}: {line} is the label of one identity and the name of "
                    f"another; write the whole line of {Path(data_dir) / 'identities.txt'} instead"
                )
            found = {as_label}
        match = IDENTITY_LINE.fullmatch(line)
        if not found and match and names.get(int(match.group(1))) == match.group(2):
            found = {int(match.group(1))} & set(labels)
        if not found:
            raise InputError(
                f"{path}, line {number}: {line[:60]!r} is no identity of {data_dir}; give labels "
                "that it has, or names of its identities.txt, one a line"
            )
        listed |= found
    if not listed:
        raise InputError(f"{path}: lists no identity; give labels or names, one a line")
    return listed


def _lines(path: str | Path) -> Iterator[tuple[int, str]]:
    """Yield number and text of each line that is not empty, without white space around it."""
    for number, line in numbered_lines(path, "list"):
        yield number, line.strip()
