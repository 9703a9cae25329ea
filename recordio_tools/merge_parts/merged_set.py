"""What a merge writes: the set, which identity became which, and what a person should judge."""

from __future__ import annotations

import csv
import filecmp
import logging
from pathlib import Path
from typing import Iterable, Iterator, NamedTuple, Sequence

from recordio_tools.merge_parts.matches import Matches
from recordio_tools.merge_parts.sources import IdentitySet, Sources
from unequal.faces.identity_lists import MappedIdentity, write_mapping
from unequal.faces.set_writer import FaceSetWriter
from unequal.faces.verification_bins import bins_of, carry_bins
from unequal.support.command_line import progress
from unequal.support.counted import counted

LONG_CHAIN = 10
logger = logging.getLogger(__name__)


def write_merged(folder: Path, sources: Sources, groups: list[list[int]]) -> tuple[int, int]:
    """Write set and mapping into `folder`, which exists.

    Args:
        folder: where the files go.
        sources: the sets.
        groups: the new identities, see recordio_tools.merge_parts.matches.group.

    Returns:
        the numbers of identities and images.
    """
    label = 0
    mapping: list[MappedIdentity] = []
    with FaceSetWriter(folder, sources.sets[0].size) as writer:
        for members in progress(groups, len(groups), "person", "writing"):
            before = writer.images
            for number in members:
                identity = _add(writer, label, *sources.at(number))
                mapping += [identity] if identity.images else []
            label += writer.images > before
    write_mapping(folder / "mapping.csv", mapping)
    return label, writer.images


def _add(writer: FaceSetWriter, label: int, source: IdentitySet, row: int) -> MappedIdentity:
    """Append the images of one old identity, as part of the new identity `label`."""
    before, name = writer.images, source.name_of(row)
    for face in source.faces(row, source.broken):
        path = face.name.lstrip("/") or (f"{name}/{writer.images + 1:07d}.jpg" if name else "")
        writer.add(label, face.image, path and source.start + path, face.more, name or str(label))
    images, old_label = writer.images - before, int(source.labels[row])
    return MappedIdentity(label, old_label, images, name, str(source.data_dir))


def carry_all_bins(data_dirs: Sequence[str | Path], folder: Path) -> None:
    """Copy the verification sets; of several with one name, the first."""
    for data_dir in data_dirs:
        carry_bins(data_dir, folder)
    for path in (path for data_dir in data_dirs for path in bins_of(data_dir)):
        if not filecmp.cmp(path, folder / path.name, shallow=False):
            logger.warning(
                "%s: is not copied, because an earlier set has another one of that name", path
            )


class Pair(NamedTuple):
    """Two identities that look the same: the columns of merged.csv."""

    set_a: str
    label_a: int
    set_b: str
    label_b: int
    cosine: float
    name_a: str
    name_b: str

    def text(self) -> str:
        """Return the pair as a line to read."""
        return (
            f"{self.cosine:.4f}  {self.set_a} {self.label_a} {self.name_a}  =  "
            f"{self.set_b} {self.label_b} {self.name_b}"
        )


def named_pairs(sources: Sources, matches: Matches) -> Iterator[Pair]:
    """Yield the matches with sets, labels and names, in their order."""

    def describe(number: int) -> tuple[str, int, str]:
        source, row = sources.at(number)
        return str(source.data_dir), int(source.labels[row]), source.name_of(row)

    for first, second, cosine in zip(*(column.tolist() for column in matches)):
        (set_a, label_a, name_a), (set_b, label_b, name_b) = describe(first), describe(second)
        yield Pair(set_a, label_a, set_b, label_b, cosine, name_a, name_b)


def write_pairs(path: str | Path, pairs: Iterable[Pair]) -> None:
    """Write the pairs as a CSV file with a header; cosines have four decimals."""
    # names that are not UTF-8 come out as they went in
    with open(path, "w", newline="", encoding="utf-8", errors="surrogateescape") as file:
        rows = csv.writer(file, lineterminator="\n")
        rows.writerow(Pair._fields)
        rows.writerows([*pair[:4], f"{pair.cosine:.4f}", *pair[5:]] for pair in pairs)


def warn_of_chains(sources: Sources, groups: Sequence[Sequence[int]]) -> None:
    """Log each new identity of more than ten old ones, because different persons may be linked."""
    for members in groups:
        if len(members) > LONG_CHAIN:
            source, row = sources.at(members[0])
            logger.warning(
                "%d identities become one, that of label %d in %s %s: pairs above the threshold "
                "link them in a chain; look at them and give a higher --threshold",
                len(members),
                source.labels[row],
                source.data_dir,
                source.name_of(row),
            )


def warn_of_names(sources: Sources, groups: Sequence[Sequence[int]]) -> None:
    """Log that identities of one label have different names and may be two persons."""
    different, first = 0, ""
    for members in groups:
        places = [sources.at(number) for number in members] if len(members) > 1 else []
        names = {source.name_of(row) for source, row in places} - {""}
        if len(names) > 1:
            different += 1
            first = first or f"{sources.labels[members[0]]} is {' and '.join(sorted(names))}"
    if different:
        logger.warning(
            "--same-labels: %s with different names in the sets, label %s",
            counted(different, "label"),
            first,
        )
