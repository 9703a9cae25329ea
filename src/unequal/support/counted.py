"""Numbers with their nouns, for messages."""

from __future__ import annotations


def counted(number: int, one: str, many: str | None = None) -> str:
    """Return a number with its noun: '1 record', '2 records'."""
    return f"{number} {one if number == 1 else many or one + 's'}"
