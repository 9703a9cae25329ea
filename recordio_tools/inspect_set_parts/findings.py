"""What is wrong with a set, or worth knowing, collected while it is read and told at the end."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from typing import Any, Callable, Iterator, Sequence

MOST_EXAMPLES = 10


class Examples:
    """How often something was met, and the first few times in words."""

    def __init__(self) -> None:
        self.count = 0
        self.texts: list[str] = []

    def add(self, met: Sequence, tell: Callable[[Any], str]) -> None:
        """Count all that were met; only those that will be shown are put into words."""
        self.count += len(met)
        for one in met[: MOST_EXAMPLES - len(self.texts)]:
            self.texts.append(tell(one))


@dataclass
class Finding:
    """One kind of problem, or a note.

    `kind` is its short name, which stays the same between versions; `text` says what it is, in one
    line; `mend` what to do, '' where nothing is known; `examples` are at most MOST_EXAMPLES of
    `count` cases.
    """

    kind: str
    text: str
    mend: str = ""
    count: int = 1
    examples: list[str] = field(default_factory=list)

    def lines(self, mark: str) -> Iterator[str]:
        """The finding as text: one line, then its examples."""
        yield f"{mark}: {self.text}" + (f"; {self.mend}" if self.mend else "")
        for example in self.examples:
            yield f"  {example}"
        if self.examples and self.count > len(self.examples):
            yield f"  and {self.count - len(self.examples)} more"


class Findings:
    """The problems, which decide the exit status, and the notes, which do not."""

    def __init__(self) -> None:
        self.problems: list[Finding] = []
        self.notes: list[Finding] = []

    def problem(
        self, kind: str, text: str, mend: str = "", examples: Examples | None = None
    ) -> None:
        """Add one kind of problem, unless there are examples of it to show and none was met."""
        self._add(self.problems, kind, text, mend, examples)

    def note(self, kind: str, text: str, mend: str = "", examples: Examples | None = None) -> None:
        """Add a note, likewise."""
        self._add(self.notes, kind, text, mend, examples)

    def lines(self) -> Iterator[str]:
        """All of them as text."""
        for problem in self.problems:
            yield from problem.lines("problem")
        for note in self.notes:
            yield from note.lines("note")

    def as_dict(self) -> dict[str, list[dict[str, Any]]]:
        """All of them for JSON."""
        return {
            "problems": [asdict(problem) for problem in self.problems],
            "notes": [asdict(note) for note in self.notes],
        }

    @staticmethod
    def _add(
        where: list[Finding], kind: str, text: str, mend: str, examples: Examples | None
    ) -> None:
        if examples is None:
            where.append(Finding(kind, text, mend))
        elif examples.count:
            where.append(Finding(kind, text, mend, examples.count, examples.texts))
