"""What is wrong with a set, or worth knowing, collected while it is read and told at the end."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from typing import Any, Callable, Iterator, Sequence

from recordio_tools.inspect_set_parts.key_runs import Runs, keys_text

MOST_EXAMPLES = 10


class Examples:
    """How many cases were met, and the first few of them in words."""

    def __init__(self) -> None:
        self.count = 0
        self.texts: list[str] = []

    def add(self, met: Sequence[Any] | Any, tell: Callable[[Any], str]) -> Examples:
        """Count all cases; only those that will be shown are put into words."""
        self.count += len(met)
        self.texts += map(tell, met[: MOST_EXAMPLES - len(self.texts)])
        return self

    def add_runs(self, runs: Runs, more: Callable[[int], str] = lambda i: "") -> Examples:
        """Count all runs of records; an example is a run, followed by what `more` tells of it."""
        stretches = list(zip(runs.starts[:MOST_EXAMPLES].tolist(), runs.stops.tolist()))
        self.texts += [keys_text(*one, "record") + more(i) for i, one in enumerate(stretches)]
        self.count += len(runs.starts)
        return self


@dataclass
class Finding:
    """One kind of problem, or a note.

    Attributes:
        kind: its short name, which stays the same between versions.
        text: what it is, in one line.
        fix: what to do; '' where nothing is known.
        count: how many cases there are.
        examples: MOST_EXAMPLES of the cases, at most.
    """

    kind: str
    text: str
    fix: str = ""
    count: int = 1
    examples: list[str] = field(default_factory=list)


class Findings:
    """The problems, which decide the exit status, and the notes, which do not."""

    def __init__(self) -> None:
        self.problems: list[Finding] = []
        self.notes: list[Finding] = []

    def problem(
        self, kind: str, text: str, fix: str = "", examples: Examples | None = None
    ) -> None:
        """Add one kind of problem; none where there are examples to show and none was met."""
        if examples is None:
            self.problems.append(Finding(kind, text, fix))
        elif examples.count:
            self.problems.append(Finding(kind, text, fix, examples.count, examples.texts))

    def note(self, kind: str, text: str) -> None:
        """Add a note."""
        self.notes.append(Finding(kind, text))

    def lines(self) -> Iterator[str]:
        """Yield all of them as text: one line each, then its examples."""
        marks = ["problem"] * len(self.problems) + ["note"] * len(self.notes)
        for mark, one in zip(marks, [*self.problems, *self.notes]):
            yield f"{mark}: {one.text}" + (f"; {one.fix}" if one.fix else "")
            yield from (f"  {example}" for example in one.examples)
            if one.examples and one.count > len(one.examples):
                yield f"  and {one.count - len(one.examples)} more"

    def as_dict(self) -> dict[str, list[dict[str, Any]]]:
        """Return all of them for JSON."""
        found = {"problems": self.problems, "notes": self.notes}
        return {name: [asdict(one) for one in some] for name, some in found.items()}
