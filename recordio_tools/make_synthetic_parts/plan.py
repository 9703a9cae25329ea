"""Which pictures a synthetic data set has: who is on each, and which label it is given."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from recordio_tools.make_synthetic_parts.identity import Identity, draw_identity, draw_relative
from unequal.support.errors import InputError

GROUPS = ("head", "tail", "unseen", "stranger", "clutter")
RELATIVES = 1.0 / 3.0
FOLDS = 10
MOST_NOISE = 0.9
MOST_IMAGES = 10_000_000


@dataclass(frozen=True)
class SyntheticPlan:
    """What to draw.

    Raises:
        InputError: a number is out of its bounds.
    """

    identities: int = 60
    images: int = 40
    tail_identities: int = 300
    tail_images: tuple[int, int] = (2, 4)
    unseen_identities: int = 40
    pairs: int = 600
    size: int = 48
    label_noise: float = 0.1
    outliers: float = 0.1
    seed: int = 0
    difficulty: float = 1.0

    def __post_init__(self) -> None:
        _check("`identities`", self.identities, 2, 1_000_000)
        _check("`images`", self.images, 1, 10_000)
        _check("`identities` times `images`", self.identities * self.images, 2, MOST_IMAGES)
        _check("`tail_identities`", self.tail_identities, 1, 1_000_000)
        _check("`tail_images`", self.tail_images[0], 1, 10_000)
        _check("`tail_images`", self.tail_images[1], self.tail_images[0], 10_000)
        most = self.tail_identities * self.tail_images[1]
        _check("`tail_identities` times `tail_images`", most, 1, MOST_IMAGES)
        _check("`unseen_identities`", self.unseen_identities, 2, 1_000_000)
        _check("`pairs`", self.pairs, 2 * FOLDS, 1_000_000)
        if self.pairs % (2 * FOLDS):
            raise InputError(f"`pairs` {self.pairs}: give a multiple of {2 * FOLDS}")
        _check("`size`", self.size, 16, 512)
        _check("`label_noise`", self.label_noise, 0.0, MOST_NOISE)
        _check("`outliers`", self.outliers, 0.0, MOST_NOISE)
        _check("`label_noise` plus `outliers`", self.label_noise + self.outliers, 0.0, MOST_NOISE)
        _check("`seed`", self.seed, 0, 2**32 - 1)
        _check("`difficulty`", self.difficulty, 0.0, 3.0)


class PlannedPicture(NamedTuple):
    """One picture: its set and given label, and the identity (number `person` of `group`) on it.

    `group` is the set's own name, or 'stranger' for an identity of no set, or 'clutter' for no
    face at all. `take` tells pictures of one identity apart.
    """

    set: str
    label: int
    group: str
    person: int
    take: int

    @property
    def kind(self) -> str:
        """Say 'clean', 'label' (another identity of the set) or 'outlier' (none of the set)."""
        if self.group != self.set:
            return "outlier"
        return "clean" if self.person == self.label else "label"


def generator(
    plan: SyntheticPlan, purpose: str, group: str, person: int = 0, take: int = 0
) -> np.random.Generator:
    """Return the random numbers for one thing; they do not depend on what was drawn before."""
    purposes = ("plan", "identity", "picture")
    key = (plan.seed, purposes.index(purpose), GROUPS.index(group), person, take)
    return np.random.default_rng(key)


def identity_of(plan: SyntheticPlan, group: str, person: int) -> Identity:
    """Draw the face of one identity; a third of them resemble an earlier one of their group."""
    rng = generator(plan, "identity", group, person)
    if person == 0 or rng.random() >= RELATIVES:
        return draw_identity(rng)
    earlier = identity_of(plan, group, int(rng.integers(person)))
    return draw_relative(earlier, rng, resemblance=rng.uniform(0.5, 0.85))


def plan_head(plan: SyntheticPlan) -> list[PlannedPicture]:
    """Plan the head's pictures by label, with the given shares of wrong labels and outliers.

    Every identity keeps `images` pictures. Outliers are strangers' faces (each of a new identity)
    and clutter in turn.
    """
    rng = generator(plan, "plan", "head")
    total = plan.identities * plan.images
    places = rng.permutation(total)
    mislabelled = int(round(plan.label_noise * total))
    outliers = int(round(plan.outliers * total))
    pictures = [
        PlannedPicture("head", place // plan.images, "head", place // plan.images, place)
        for place in range(total)
    ]
    for place in places[:mislabelled].tolist():
        other = int(rng.integers(plan.identities - 1))
        person = other + int(other >= pictures[place].label)
        pictures[place] = pictures[place]._replace(person=person)
    for number, place in enumerate(places[mislabelled : mislabelled + outliers].tolist()):
        group = ("stranger", "clutter")[number % 2]
        pictures[place] = pictures[place]._replace(group=group, person=number)
    return pictures


def plan_tail(plan: SyntheticPlan) -> list[PlannedPicture]:
    """Plan the tail's pictures by label: few of each of many identities, without noise."""
    low, high = plan.tail_images
    counts = generator(plan, "plan", "tail").integers(low, high + 1, plan.tail_identities)
    return [
        PlannedPicture("tail", person, "tail", person, take)
        for person, count in enumerate(counts.tolist())
        for take in range(count)
    ]


def plan_pairs(plan: SyntheticPlan) -> tuple[list[PlannedPicture], list[bool]]:
    """Plan verification pairs of unseen identities: pictures 2i and 2i + 1, and if they match.

    Matching and other pairs take turns, so that each of ten folds in order has half of each.
    """
    rng = generator(plan, "plan", "unseen")
    order = rng.permutation(plan.unseen_identities).tolist()
    pictures, matches = [], []
    for pair in range(plan.pairs):
        is_match = pair % 2 == 0
        first = order[pair // 2 % len(order)]
        step = 0 if is_match else 1 + int(rng.integers(len(order) - 1))
        second = (first + step) % len(order)
        for position, person in ((2 * pair, first), (2 * pair + 1, second)):
            pictures.append(PlannedPicture("unseen", person, "unseen", person, position))
        matches.append(is_match)
    return pictures, matches


def _check(name: str, value: float, low: float, high: float) -> None:
    if not low <= value <= high:
        raise InputError(f"{name} {value:g}: give a number from {low:g} to {high:g}")
