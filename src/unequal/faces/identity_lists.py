"""Labels and names of identities: mapping.csv, identities.txt and lists of them."""

from __future__ import annotations

import csv
import re
from pathlib import Path
from typing import Collection, Iterable, Iterator, Mapping

from unequal.support.errors import InputError
from unequal.support.files import numbered_lines

IDENTITY_LINE = re.compile(r"(\d{1,18})[ \t]+(.+)[ \t]+(\d{1,18})")


class MappedIdentity:
    """An identity of a new set.

    Attributes:
        new_label: its label there.
        old_label: its label in the set that it comes from.
        images: how many it has in the new set.
        name: its name.
        set_name: which of several sets is meant, '' where there is only one.
    """

    __slots__ = ("new_label", "old_label", "images", "name", "set_name")

    def __init__(
        self, new_label: int, old_label: int, images: int, name: str, set_name: str = ""
    ) -> None:
        self.new_label = new_label
        self.old_label = old_label
        self.images = images
        self.name = name
        self.set_name = set_name


def write_mapping(path: str | Path, identities: Iterable[MappedIdentity]) -> None:
    """Write a CSV file: new_label, old_label, images, name; `set` first where there are names."""
    columns = MappedIdentity.__slots__[:4]
    # names that are not UTF-8 come out as they went in
    with open(path, "w", newline="", encoding="utf-8", errors="surrogateescape") as file:
        lines = csv.writer(file, lineterminator="\n")
        for number, identity in enumerate(identities):
            first = [identity.set_name] if identity.set_name else []
            if number == 0:
                lines.writerow([*(["set"] if first else []), *columns])
            lines.writerow([*first, *(getattr(identity, column) for column in columns)])


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
