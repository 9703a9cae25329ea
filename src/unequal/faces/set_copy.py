"""A new set of images of another one: what the tools split, denoise and subset share."""

from __future__ import annotations

from pathlib import Path
from types import TracebackType
from typing import Callable, Iterable

from unequal.faces.identity_lists import MappedIdentity
from unequal.faces.set_reader import Face, FaceSetReader
from unequal.faces.set_writer import FaceSetWriter
from unequal.support.errors import InputError

OnIdentity = Callable[[MappedIdentity], None]


class SetCopy:
    """Writes images of a set into a new one, identity by identity, byte for byte.

    The set is complete when the `with` block has ended without an exception.

    Args:
        folder: where the files go; it exists.
        source: the set that the images come from.
        relabel: number the identities from 0 in the order in which they come; else labels and
            number of classes stay those of `source`.
        names: the identities' names by label in `source`; those it lacks are the folders of
            train.lst.
        on_identity: is told each identity once all of its images are written.
    """

    def __init__(
        self,
        folder: str | Path,
        source: FaceSetReader,
        relabel: bool = True,
        names: dict[int, str] | None = None,
        on_identity: OnIdentity = lambda identity: None,
    ) -> None:
        self._source = source
        self._relabel = relabel
        self._given_names = names or {}
        self._on_identity = on_identity
        self._finished: set[int] = set()
        self._old_label: int | None = None
        self._before = 0
        self.writer = FaceSetWriter(
            folder, source.image_size(), None if relabel else source.num_classes
        )

    @property
    def images(self) -> int:
        """How many were written."""
        return self.writer.images

    @property
    def identities(self) -> int:
        """How many were written."""
        return len(self._finished)

    def add(self, face: Face) -> None:
        """Append one image.

        Raises:
            InputError: a label comes back after another one, or is not below the source's classes.
        """
        if face.label != self._old_label:
            self._start_identity(face)
        name = face.name or self._make_name(face.label)
        self.writer.add(self._new_label, face.image, name, face.more, self._name)

    def end_identity(self) -> None:
        """Tell `on_identity` of the identity whose images were added last, as `add` does."""
        if self._old_label is not None:
            count = self.images - self._before
            self._on_identity(MappedIdentity(self._new_label, self._old_label, count, self._name))
            self._old_label = None

    def keep_classes(self, labels: Iterable[int]) -> None:
        """Count the classes of a source without `property` by its `labels`, where labels stay."""
        if not self._relabel and self._source.num_classes is None:
            self.writer.num_classes = max(labels, default=0) + 1

    def __enter__(self) -> SetCopy:
        self.writer.__enter__()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.writer.__exit__(kind, error, trace)
        if kind is None:
            self.end_identity()

    def _start_identity(self, face: Face) -> None:
        self.end_identity()
        label, classes = face.label, self._source.num_classes
        if label in self._finished:
            raise InputError(came_back(self._source, face.key, label))
        if not self._relabel and classes is not None and label >= classes:
            raise InputError(
                f"{self._source.data_dir / 'property'}: says {classes} classes, but record "
                f"{face.key} has label {label}; correct the first number"
            )
        self._new_label = len(self._finished) if self._relabel else label
        self._finished.add(label)
        self._old_label = label
        self._before = self.images
        self._name = self._given_names.get(label, face.name.rpartition("/")[0])

    def _make_name(self, label: int) -> str:
        name = self._given_names.get(label)
        return f"{name}/{self.images + 1:07d}.jpg" if name else ""


def came_back(source: FaceSetReader, key: int, label: int) -> str:
    """Return the message about a set with images of an identity in several places."""
    return (
        f"{source.path}: label {label} comes back at record {key}, after other labels; put the set "
        f"in order first: python -m recordio_tools.subset --data-dir {source.data_dir} --output ..."
    )
