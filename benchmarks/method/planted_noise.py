"""Plant noise in the head of a data set of real faces, and keep people out of it.

    OUTPUT/head, OUTPUT/tail   RecordIO sets to train on, the faces scaled down
    OUTPUT/people              a RecordIO set of people who are in neither
    OUTPUT/unseen.bin          verification pairs, scaled down
    OUTPUT/truth.csv           record of the head and what it is: clean, label or outlier

Half of the noise is wrong labels: an image moves to another identity of the head. The other half
is outliers: an image is replaced by one of a stranger, who is in neither head nor tail nor people.
"""

from __future__ import annotations

import csv
import pickle
from itertools import groupby
from pathlib import Path
from typing import NamedTuple

import cv2
import numpy as np

from eval.verification_parts.verification_set import read_pairs
from unequal.faces.set_reader import FaceSetReader
from unequal.faces.set_writer import write_face_set
from unequal.support.errors import InputError
from unequal.support.output_folder import new_folder

LARGEST_NOISE = 0.4
KEPT_OUT = 0.2
MOST_IMAGES_OF_A_PERSON = 10
QUALITY = 95
Identity = list  # of encoded images


class Roles(NamedTuple):
    """Whose images go where: each a list of identities, an identity a list of encoded images."""

    head: list[Identity]
    tail: list[Identity]
    people: list[Identity]
    strangers: list[Identity]


class Shown(NamedTuple):
    """An image of the noisy head: the label that it is given, and what it is."""

    label: int
    image: bytes
    kind: str


def plant(data: Path, output: Path, noise: float, seed: int, size: int) -> None:
    """Make ``output`` of ``data``/rec_head, rec_tail and the one .bin in ``data`` named unseen*.

    Who gets which role depends on the seed alone, and what is noise at a low rate is noise at a
    higher one.

    Args:
        data: folder of the real sets.
        output: folder for the new ones.
        noise: share of the head's images.
        seed: of all random choices.
        size: height and width of the new images in pixels.

    Raises:
        InputError: the sets are too small, or there are no such pairs.
    """
    bins = sorted(data.glob("unseen*.bin"))
    if len(bins) != 1:
        raise InputError(
            f"{data}: holds {len(bins)} files unseen*.bin; --data wants one, pairs of "
            "people who are in neither rec_head nor rec_tail"
        )
    roles = cast(
        identities_of(data / "rec_head", size),
        identities_of(data / "rec_tail", size),
        np.random.default_rng((seed, 0)),
    )
    images, issame = read_pairs(bins[0])
    pairs = [scaled(image, size) for image in images], issame.tolist()
    with new_folder(output, overwrite=True) as folder:
        head = noisy(roles.head, roles.strangers, noise, np.random.default_rng((seed, 1)))
        sets = {"head": head, "tail": _shown(roles.tail), "people": _shown(roles.people)}
        for name, faces in sets.items():
            write_face_set(folder / name, ((*face[:2], "") for face in faces), (size, size))
        (folder / "unseen.bin").write_bytes(pickle.dumps(pairs, protocol=2))
        with open(folder / "truth.csv", "w", encoding="ascii", newline="") as file:
            lines = csv.writer(file)
            lines.writerow(["set", "record", "kind"])
            lines.writerows(["head", record, face.kind] for record, face in enumerate(head, 1))


def identities_of(folder: Path, size: int) -> list[Identity]:
    """Return the images of a set, scaled to ``size`` x ``size`` pixels, by label."""
    faces = FaceSetReader(folder, by_label=True).faces()
    return [
        [scaled(face.image, size) for face in of_one]
        for _, of_one in groupby(faces, key=lambda face: face.label)
    ]


def scaled(image: bytes, size: int) -> bytes:
    """Return an encoded image as a JPEG of ``size`` x ``size`` pixels."""
    pixels = cv2.imdecode(np.frombuffer(image, np.uint8), cv2.IMREAD_COLOR)
    pixels = cv2.resize(pixels, (size, size), interpolation=cv2.INTER_AREA)
    return cv2.imencode(".jpg", pixels, [cv2.IMWRITE_JPEG_QUALITY, QUALITY])[1].tobytes()


def cast(head: list[Identity], tail: list[Identity], rng: np.random.Generator) -> Roles:
    """Choose who is trained on, who is asked about, and whose images are outliers.

    A share of KEPT_OUT of both sets are people to ask about, with MOST_IMAGES_OF_A_PERSON each at
    most. Of the rest of the tail, as many are strangers as LARGEST_NOISE needs.
    """
    head, tail = (
        [identities[i] for i in rng.permutation(len(identities))] for identities in (head, tail)
    )
    from_head, from_tail = (int(KEPT_OUT * len(identities)) for identities in (head, tail))
    people = [images[:MOST_IMAGES_OF_A_PERSON] for images in head[:from_head] + tail[:from_tail]]
    head, tail = head[from_head:], tail[from_tail:]
    needed = _count(LARGEST_NOISE / 2, sum(map(len, head)))
    enough = int(np.searchsorted(np.cumsum([len(images) for images in tail]), needed)) + 1
    if len(head) < 2 or enough >= len(tail):
        raise InputError(
            f"--data: the tail has too few images for {needed} outliers in the head "
            "and a rest to train on; give larger sets"
        )
    return Roles(head, tail[enough:], people, tail[:enough])


def noisy(
    head: list[Identity], strangers: list[Identity], noise: float, rng: np.random.Generator
) -> list[Shown]:
    """Return the head's images by label, ``noise`` / 2 wrongly labelled, as many of strangers."""
    faces = _shown(head)
    order = rng.permutation(len(faces))
    others = rng.integers(1, len(head), len(faces))
    strange = [image for images in strangers for image in images]
    strange = [strange[i] for i in rng.permutation(len(strange))]
    count = _count(noise / 2, len(faces))
    for place in order[:count]:
        label = (faces[place].label + int(others[place])) % len(head)
        faces[place] = faces[place]._replace(label=label, kind="label")
    for place, image in zip(order[::-1][:count], strange):
        faces[place] = faces[place]._replace(image=image, kind="outlier")
    return sorted(faces, key=lambda face: face.label)


def _shown(identities: list[Identity]) -> list[Shown]:
    """Return the images by label, every label right."""
    return [
        Shown(label, image, "clean") for label, images in enumerate(identities) for image in images
    ]


def _count(share: float, images: int) -> int:
    return int(round(share * images))
