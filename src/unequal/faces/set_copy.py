"""A new set of images of another one: what the tools split, denoise and subset share."""

from __future__ import annotations

from pathlib import Path
from typing import Iterable

from unequal.faces.identity_lists import MappedIdentity
from unequal.faces.set_reader import Face, FaceSetReader
from unequal.faces.set_writer import FaceSetWriter
from unequal.support.errors import InputError


class SetCopy(FaceSetWriter):
    """Writes images of a set into a new one, identity by identity, byte for byte.

    Args:
        folder: where the files go; it exists.
        source: the set that the images come from.
        relabel: number the identities from 0 in the order in which they come; else labels and
            number of classes stay those of `source`.
        names: the identities' names by label in `source`; those it lacks are the folders of
            train.lst.
        mapping: each new identity is appended to it, at its first image.
        set_name: see MappedIdentity.

    Attributes:
        identities: how many were written.
    """

    def __init__(
        self,
        folder: str | Path,
        source: FaceSetReader,
        relabel: bool,
        names: dict[int, str],
        mapping: list[MappedIdentity],
        set_name: str = "",
    ) -> None:
        super().__init__(folder, source.image_size(), None if relabel else source.num_classes)
        self.identities = 0
        self._source = source
        self._relabel = relabel
        self._given_names = names
        self._mapping = mapping
        self._set_name = set_name
        self._old_labels: set[int] = set()
        self._identity: MappedIdentity | None = None

    def add_face(self, face: Face) -> None:
        """Append one image.

        Raises:
            InputError: a label comes back after another one, or is not below the source's classes.
        """
        identity = self._identity
        if identity is None or identity.old_label != face.label:
            identity = self._identity = self._new_identity(face)
        identity.images += 1
        given = self._given_names.get(face.label)
        name = face.name or (f"{given}/{self.images + 1:07d}.jpg" if given else "")
        self.add(identity.new_label, face.image, name, face.more, identity.name)

    def end_identity(self) -> None:
        """Expect no more images of the identity whose images were added last."""
        self._identity = None

    def keep_classes(self, labels: Iterable[int]) -> None:
        """Count the classes of a source without `property` by its `labels`, where labels stay."""
        if not self._relabel and self._source.num_classes is None:
            self.num_classes = max(labels, default=0) + 1

    def _new_identity(self, face: Face) -> MappedIdentity:
        label, source = face.label, self._source
        if label in self._old_labels:
            raise InputError(
                f"{source.path}: label {label} comes back at record {face.key}, after other "
                "labels; put the set in order first: python -m recordio_tools.subset --data-dir "
                f"{source.data_dir} --output ..."
            )
        classes = None if self._relabel else source.num_classes
        if classes is not None and label >= classes:
            raise InputError(
                f"{source.data_dir / 'property'}: says {classes} classes, but record "
                f"{face.key} has label {label}; correct the first number"
            )
        self._old_labels.add(label)
        new_label = self.identities if self._relabel else label
        name = self._given_names.get(label, face.name.rpartition("/")[0])
        self.identities += 1
        self._mapping.append(MappedIdentity(new_label, label, 0, name, self._set_name))
        return self._mapping[-1]
