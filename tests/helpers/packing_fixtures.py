"""Folders and lists of tiny images, packed by recordio_tools.make."""

from __future__ import annotations

import csv
from pathlib import Path
from typing import Iterable, Mapping

from record_fixtures import encode, face
from recordio_tools.make import main
from sets_by_mxnet import read_set


def write_files(folder: Path, files: Mapping[str, bytes]) -> Path:
    """Writes files below `folder`, by their paths; returns it."""
    for path, content in files.items():
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_bytes(content)
    return folder


def write_list(path: Path, *lines: Iterable[object]) -> Path:
    """Writes lines of fields as a list of images; returns its path."""
    path.write_text("".join("\t".join(map(str, line)) + "\n" for line in lines), encoding="utf-8")
    return path


def face_files(*labels: int) -> dict[str, bytes]:
    """So many images of each identity: a/0.jpg, a/1.jpg, b/0.jpg, ..."""
    return {
        f"{chr(97 + label)}/{image}.jpg": encode(face(label, image))
        for label, count in enumerate(labels)
        for image in range(count)
    }


def make(*flags: object) -> int:
    """The command, in this process; returns its exit status."""
    return main([str(flag) for flag in (*flags, "--processes", 1)])


def contents(folder: Path) -> list[tuple[int, bytes]]:
    """Label and encoded image of all records, as MXNet reads them."""
    found = read_set(folder)
    return list(zip(found.identities, found.contents))


def left_out(folder: Path) -> dict[str, str]:
    """The reasons of a left_out.csv by path."""
    with (folder / "left_out.csv").open(newline="", encoding="utf-8") as file:
        rows = list(csv.reader(file))
    assert rows[0] == ["path", "reason"]
    return dict(rows[1:])
