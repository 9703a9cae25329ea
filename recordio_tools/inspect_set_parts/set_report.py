"""What inspect_set tells: problems and notes, and all it has found as text and as a histogram."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Callable, Iterator, Sequence

import numpy as np

from unequal.support.counted import counted
from unequal.support.output_file import write_file

MOST_EXAMPLES = 10
MOST_SIZES = 5
BAR = 30
HEAD_FROM = 10
SUBSET = "with python -m recordio_tools.subset"
NEW_INDEX = "copy both files again, or let --repair make the index of what train.rec holds"
NOTES = ("ids_not_kept", "label_gaps")
# What is wrong and, after the semicolon, what to do, by a name that stays the same between
# versions. {0} is the number of cases; the names are facts of the set.
KINDS = {
    "broken_records": "train.rec: broken records: {0}; copy it again, or write the others as a new "
    f"set {SUBSET}",
    "index_unreadable": "{index_reason}; --repair makes it from train.rec",
    "index_wrong": "train.idx: {0} of {entries} entries lead to no record, or to one that is "
    "listed already; " + NEW_INDEX,
    "index_lacks": "train.idx: lacks records of train.rec: {0}; " + NEW_INDEX,
    "layout_wrong": "train.rec: record 0, the identities' ranges and the images' labels do not "
    "fit; copy train.rec and train.idx again; else let --repair make train.idx anew, if need be of "
    f"the images alone, and write the set anew {SUBSET}",
    "property_unreadable": "{property_reason}; write one line '{classes},{height},{width}' into it",
    "no_images": "train.rec: holds no images; pack the set again",
    "labels_no_class": "train.rec: labels that are no class number: {0}; pack the set again",
    "labels_beyond_property": "property: says {num_classes} classes, but train.rec has labels of "
    "{num_classes} or more: {0}; let it begin with {classes}, or take the property of this set",
    "images_unreadable": "train.rec: images that cannot be decoded: {0}; python -m "
    "recordio_tools.subset --verify writes the set without them",
    "images_of_other_size": "train.rec: {0} of {decoded} decoded images are not {expected}; make "
    "the set anew from images of one size, or correct property",
    "ids_not_kept": "train.rec: records whose own header tells another number than train.idx: {0}",
    "label_gaps": "labels: {gaps} of 0 to {last_label} have no image",
}


class Findings:
    """The problems, which decide the exit status, and the notes, which do not.

    Attributes:
        counts: how many cases there are of each kind.
        facts: what the texts name beside the number of cases.
    """

    def __init__(self) -> None:
        self.counts = dict.fromkeys(KINDS, 0)
        self.facts: dict[str, object] = {}
        self._examples: dict[str, list[str]] = {kind: [] for kind in KINDS}

    def add(self, kind: str, cases: Sequence | np.ndarray, tell: Callable = str) -> None:
        """Count cases; only those that will be shown are put into words."""
        self.counts[kind] += len(cases)
        examples = self._examples[kind]
        examples += map(tell, cases[: MOST_EXAMPLES - len(examples)])

    def note(self, kind: str, **facts: object) -> None:
        """Add a case that is not shown, and facts for the text."""
        self.counts[kind] += 1
        self.facts.update(facts)

    def told(self, repaired: bool) -> dict[str, list[dict[str, Any]]]:
        """Return 'problems' and 'notes', each with kind, text, fix, count and examples.

        After --repair (`repaired`), it is not told again as a fix.
        """
        told: dict[str, list[dict[str, Any]]] = {"problems": [], "notes": []}
        for kind, text in KINDS.items():
            if count := self.counts[kind]:
                text, _, fix = text.format(count, **self.facts).partition("; ")
                if repaired and "--repair" in fix:
                    fix = "train.rec does not hold what it takes to fix that"
                one = {"kind": kind, "text": text, "fix": fix, "count": count}
                one["examples"] = self._examples[kind]
                told["notes" if kind in NOTES else "problems"].append(one)
        return told


def text_lines(found: dict[str, Any]) -> Iterator[str]:
    """Yield what `inspect_set` has found as lines for people."""
    images, head = found["images"], found["head"]
    identities = counted(found["identities"], "identity", "identities")
    yield f"{found['set']}: {images} images of {identities}, {found['bytes'] / 1e6:.1f} MB"
    yield f"layout: {found['layout']}, {counted(found['records'], 'record')}"
    if found["property"]:
        yield "property: {num_classes} classes, {height}x{width}".format(**found["property"])
    formats = [f"{number} {name}" for name, number in found["formats"].items()]
    yield f"formats: {', '.join(formats) or 'none'}"
    sizes = [f"{number} of {size}" for size, number in found["sizes"].items()]
    if len(sizes) > MOST_SIZES:
        sizes[MOST_SIZES:] = [f"and {len(sizes) - MOST_SIZES} others"]
    how = "" if found["verified"] else " (of a sample; --verify decodes all)"
    yield f"sizes: {', '.join(sizes) or 'none'}{how}"
    if images:
        yield "labels: {} to {}".format(*found["labels"])
        yield (
            "images per identity: least {min}, median {median:g}, mean {mean:.2f}, most {max}"
        ).format(**found["images_per_identity"])
        yield (
            f"with {HEAD_FROM} images or more (head): {head['identities']} of {identities}, "
            f"{head['images']} of {images} images"
        )
        yield f"{'images':>9}  {'identities':>10}  {'':{BAR}}  of all images"
        most = max(one["identities"] for one in found["histogram"])
        for one in found["histogram"]:
            bar = "#" * -(-one["identities"] * BAR // most)
            share = f"{one['images']} ({100 * one['images'] / images:.1f} %)"
            yield f"{_name(one):>9}  {one['identities']:>10}  {bar:{BAR}}  {share}"
    for kind in ("problems", "notes"):
        for one in found[kind]:
            yield f"{kind[:-1]}: {one['text']}" + (f"; {one['fix']}" if one["fix"] else "")
            yield from (f"  {example}" for example in one["examples"])
            if one["examples"] and one["count"] > len(one["examples"]):
                yield f"  and {one['count'] - len(one['examples'])} more"
    problems = counted(len(found["problems"]), "problem")
    yield f"{found['set']}: " + ("sound" if found["sound"] else problems)


def write_histogram(path: str | Path, found: dict[str, Any]) -> None:
    """Write a PNG: identities by their number of images, and these images, the head in blue.

    Raises:
        InputError: the file cannot be written.
    """
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(8, 6), layout="constrained")
    FigureCanvasAgg(figure)
    figure.suptitle(f"{Path(found['set']).resolve().name}: images per identity")
    bins = found["histogram"]
    colours = ["#1f77b4" if one["first"] >= HEAD_FROM else "#ff7f0e" for one in bins]
    for axes, label in zip(figure.subplots(2, 1), ("identities", "images")):
        heights = [one[label] for one in bins]
        axes.bar_label(axes.bar(list(map(_name, bins)), heights, color=colours))
        axes.set_ylabel(label)
        axes.margins(y=0.15)
    axes.set_xlabel(f"images of an identity (blue: the head, {HEAD_FROM} or more)")
    write_file("histogram", path, lambda name: figure.savefig(name, format="png", dpi=100))


def _name(one: dict[str, Any]) -> str:
    """Return '1', '2-3' or '500+'."""
    first, last = one["first"], one["last"]
    return f"{first}+" if last is None else f"{first}-{last}" if last > first else f"{first}"
