"""Write the merged set: the images of all sets, and which identity became which."""

from __future__ import annotations

import filecmp
import logging
from pathlib import Path
from typing import Sequence

from recordio_tools.merge_parts.sources import Sources
from unequal.faces.identity_lists import MappedIdentity, write_mapping
from unequal.faces.set_writer import FaceSetWriter
from unequal.faces.verification_bins import bins_of, carry_bins
from unequal.support.command_line import progress

logger = logging.getLogger(__name__)


def write_merged(
    folder: Path, sources: Sources, groups: list[list[int]], starts: list[str]
) -> tuple[int, int]:
    """Write set and mapping into `folder`; return the numbers of identities and images.

    Args:
        folder: where the files go; it exists.
        sources: the sets.
        groups: the new identities, see recordio_tools.merge_parts.plan.group.
        starts: the first part of the paths of each set's images, see prefixes.
    """
    label = 0
    mapping: list[MappedIdentity] = []
    with FaceSetWriter(folder, sources.sets[0].size) as writer:
        for members in progress(groups, len(groups), "person", "writing"):
            before = writer.images
            for number in members:
                identity = _add(writer, label, sources, number, starts)
                mapping += [identity] if identity.images else []
            label += writer.images > before
    write_mapping(folder / "mapping.csv", mapping)
    return label, writer.images


def carry_all_bins(data_dirs: Sequence[str | Path], folder: Path) -> None:
    """Copy the verification sets; of several with one name, the first."""
    for data_dir in data_dirs:
        carry_bins(data_dir, folder)
    for path in all_bins(data_dirs):
        if not filecmp.cmp(path, folder / path.name, shallow=False):
            logger.warning(
                "%s: is not copied, because an earlier set has another one of that name", path
            )


def all_bins(data_dirs: Sequence[str | Path]) -> list[Path]:
    """Return the verification sets of all sets."""
    return [path for data_dir in data_dirs for path in bins_of(data_dir)]


def _add(
    writer: FaceSetWriter, label: int, sources: Sources, number: int, starts: list[str]
) -> MappedIdentity:
    """Append the images of one old identity, as part of the new identity `label`."""
    source, row = sources.at(number)
    set_number = sources.set_number(number)
    before, name = writer.images, source.name_of(row)
    for face in source.faces(row, sources.broken[set_number]):
        path = face.name.lstrip("/") or (f"{name}/{writer.images + 1:07d}.jpg" if name else "")
        path = path and starts[set_number] + path
        writer.add(label, face.image, path, face.more, name or str(label))
    images, old_label = writer.images - before, int(source.labels[row])
    return MappedIdentity(label, old_label, images, name, str(source.data_dir))
