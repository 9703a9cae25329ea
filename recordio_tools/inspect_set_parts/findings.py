"""What can be wrong with a set, or worth knowing: collected while it is read, told at the end."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any, Callable, Iterator, Sequence, Union

import numpy as np

from recordio_tools.inspect_set_parts.key_runs import Runs, keys_text
from unequal.support.counted import counted

MOST_EXAMPLES = 10
Cases = Union[Sequence[Any], np.ndarray]
SUBSET = "with python -m recordio_tools.subset"
NEW_SET = f"write the set anew {SUBSET}"
NEW_INDEX = "--repair makes it anew from train.rec, or take the .idx written with it"
OTHER_LIST = "take the train.lst of this set, or remove it: training does not read it"
NOTES = ("ids_not_kept", "label_gaps")
# What is wrong and, after the semicolon, what to do, by a name that stays the same between
# versions. {0} is the number of cases; the names are facts of the set.
KINDS = {
    "broken_records": "train.rec: {0:broken record}; copy it again, or write the others as a new "
    f"set {SUBSET}",
    "ids_repeat": "train.rec: several records have the same number in their headers; if sets were "
    "strung together, join them with python -m recordio_tools.merge",
    "index_unreadable": "{index_reason}; --repair makes it from train.rec",
    "index_of_another_set": "train.idx: belongs to another train.rec, because no record starts at "
    "{0} of its {entries} entries; " + NEW_INDEX,
    "index_beyond_end": "train.rec: was cut off, {0:record} of train.idx would go beyond its end; "
    "copy it again, or let --repair list what is left",
    "index_nowhere": "train.idx: {0:entry|entries} where no record starts; " + NEW_INDEX,
    "index_other_record": "train.idx: {0:entry|entries} of another record; " + NEW_INDEX,
    "index_lacks": "train.idx: lacks {0:record} of train.rec; " + NEW_INDEX,
    "index_repeats": "train.idx: lists {0:record} twice; " + NEW_INDEX,
    "record_0_is_an_image": "train.rec: record 0 is an image with an array of labels, which "
    f"readers take for the header; {NEW_SET}",
    "header_lost": "train.rec: record 0 is lost, which tells images from identity records; copy "
    "it again, or let --repair list the images alone",
    "records_missing": "train.rec: records that record 0 counts are not there; copy it again, or "
    f"{NEW_SET}",
    "ranges_wrong": "train.rec: the identities' ranges do not divide the images among them; "
    f"{NEW_SET}",
    "labels_against_ranges": f"train.rec: labels that differ within an identity's range; {NEW_SET}",
    "identities_in_several_ranges": "train.rec: {0:label} that come back in several ranges; "
    + NEW_SET,
    "property_unreadable": "{property_reason}; write one line '{classes},{height},{width}' into it",
    "no_images": "train.rec: holds no images; pack the set again",
    "labels_no_class": "train.rec: {0:label} that are no class number; pack the set again",
    "labels_beyond_property": "property: says {num_classes} classes, but {0:label} of train.rec "
    "are {num_classes} or more; let it begin with {classes}, or take the property of this set",
    "images_unreadable": "train.rec: {0:image} that cannot be decoded; python -m "
    "recordio_tools.subset --verify writes the set without them",
    "images_of_other_size": "train.rec: {0} of {decoded} decoded images are not {expected}; "
    "{size_fix}",
    "list_unreadable": "{list_reason}; " + OTHER_LIST,
    "list_labels": "train.lst: labels that differ from train.rec's; " + OTHER_LIST,
    "list_lacks": "train.lst: lacks images of train.rec; " + OTHER_LIST,
    "list_extra": "train.lst: lists images that train.rec does not have; " + OTHER_LIST,
    "ids_not_kept": "train.rec: {0:record} whose own header tells another number than train.idx, "
    "which is right",
    "label_gaps": "labels: {gaps} of 0 to {last_label} have no image: {which}",
}


@dataclass
class Finding:
    """One kind of problem, or a note.

    Attributes:
        kind: one of KINDS.
        text: what it is, in one line.
        fix: what to do; '' where nothing is known.
        count: how many cases there are.
        examples: MOST_EXAMPLES of the cases, at most.
    """

    kind: str
    text: str
    fix: str
    count: int
    examples: list[str]


class Findings:
    """The problems, which decide the exit status, and the notes, which do not.

    Attributes:
        facts: what the texts name beside the number of cases.
        repaired: whether --repair has already done what it can.
    """

    def __init__(self) -> None:
        self.facts: dict[str, object] = {}
        self.repaired = False
        self._counts = dict.fromkeys(KINDS, 0)
        self._examples: dict[str, list[str]] = {kind: [] for kind in KINDS}

    def add(self, kind: str, cases: Cases, tell: Callable[[Any], str]) -> None:
        """Count cases; only those that will be shown are put into words."""
        self._counts[kind] += len(cases)
        examples = self._examples[kind]
        examples += map(tell, cases[: MOST_EXAMPLES - len(examples)])

    def add_runs(self, kind: str, runs: Runs, tell: Callable[[int], str] = lambda i: "") -> None:
        """Count runs of records; an example is a run, followed by what `tell` says of it."""

        def text(i: int) -> str:
            return keys_text(int(runs.starts[i]), int(runs.stops[i]), "record") + tell(i)

        self.add(kind, range(len(runs.starts)), text)

    def set(self, kind: str, count: int = 1, **facts: object) -> None:
        """Add cases that are not shown, and facts for the text."""
        self._counts[kind] += count
        self.facts.update(facts)

    def count(self, kind: str) -> int:
        """Return how many cases of a kind there are."""
        return self._counts[kind]

    def rename(self, kind: str, new: str) -> None:
        """Tell the cases of one kind as those of another."""
        self._counts[new], self._counts[kind] = self._counts[kind], 0
        self._examples[new] = self._examples[kind]

    def drop(self, *kinds: str) -> None:
        """Forget kinds that another one explains."""
        self._counts.update(dict.fromkeys(kinds, 0))

    @property
    def problems(self) -> list[Finding]:
        """Return the problems."""
        return [self._finding(kind) for kind in KINDS if self._counts[kind] and kind not in NOTES]

    @property
    def notes(self) -> list[Finding]:
        """Return the notes."""
        return [self._finding(kind) for kind in NOTES if self._counts[kind]]

    def lines(self) -> Iterator[str]:
        """Yield all of them as text: one line each, then its examples."""
        for mark, some in (("problem", self.problems), ("note", self.notes)):
            for one in some:
                yield f"{mark}: {one.text}" + (f"; {one.fix}" if one.fix else "")
                yield from (f"  {example}" for example in one.examples)
                if one.examples and one.count > len(one.examples):
                    yield f"  and {one.count - len(one.examples)} more"

    def as_dict(self) -> dict[str, list[dict[str, Any]]]:
        """Return all of them for JSON."""
        found = {"problems": self.problems, "notes": self.notes}
        return {name: [asdict(one) for one in some] for name, some in found.items()}

    def _finding(self, kind: str) -> Finding:
        count = self._counts[kind]
        what, _, fix = KINDS[kind].partition("; ")
        text, fix = (part.format(_Number(count), **self.facts) for part in (what, fix))
        if self.repaired and "--repair" in fix:
            fix = "train.rec does not hold what it takes to fix that"
        return Finding(kind, text, fix, count, self._examples[kind])


class _Number(int):
    """A number that '{0:entry|entries}' or '{0:record}' writes with its noun."""

    def __format__(self, nouns: str) -> str:
        return counted(int(self), *nouns.split("|")) if nouns else str(int(self))
