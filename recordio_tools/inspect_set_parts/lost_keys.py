"""Where in the broken stretches of a .rec the records may have been that are lost in them."""

from __future__ import annotations

from typing import NamedTuple, Sequence

WORD = 4
UNKNOWN = -1


class Stretch(NamedTuple):
    """Broken bytes of a .rec file; no record starts in them at a multiple of four bytes, except
    where `place` is not None: there one starts at `offset`, the place'th by its own header, or
    UNKNOWN where that tells no number that a record of this file can have.
    """

    offset: int
    end: int
    place: int | None


def share_out(first: int, stop: int, stretches: Sequence[Stretch]) -> list[tuple[int, int]]:
    """Offsets for the records first..stop-1, which are lost in these stretches.

    One whose header is left, or that alone is lost, gets its own offset. Others get the start of
    a stretch each or, where there are more records than stretches, offsets spread over these:
    nobody knows where they were, but readers find no record there and pass over it. No offset is
    given twice, and none that holds another record; a record is left out where there is no room.

    Returns:
        (record, offset), ascending.
    """
    if len(stretches) == stop - first == 1 and stretches[0].place in (None, UNKNOWN):
        return [(first, stretches[0].offset)]
    entries: list[tuple[int, int]] = []
    free: list[Stretch] = []
    spare: list[Stretch] = []
    following = first
    for stretch in stretches:
        if stretch.place is None:
            free.append(stretch)
            continue
        # a reader would take what starts there for whatever key it is listed with
        inside = stretch._replace(offset=stretch.offset + WORD, place=None)
        if not following <= stretch.place < stop:
            free.append(inside)
            continue
        entries += _spread(following, stretch.place, free, spare)
        entries.append((stretch.place, stretch.offset))
        following = stretch.place + 1
        free, spare = [], [inside]
    return entries + _spread(following, stop, free, spare)


def _spread(
    first: int, stop: int, free: Sequence[Stretch], spare: Sequence[Stretch]
) -> list[tuple[int, int]]:
    """Offsets of first..stop-1: the starts of `free` or, if those are too few, anywhere in both."""
    if stop - first <= len(free):
        return [(first + i, free[i].offset) for i in range(stop - first)]
    rooms = [range(one.offset, one.end - WORD + 1, WORD) for one in (*spare, *free)]
    words = sum(map(len, rooms))
    count = min(stop - first, words)
    entries, passed, number = [], 0, 0
    for room in rooms:
        while number < count and number * words // count < passed + len(room):
            entries.append((first + number, room[number * words // count - passed]))
            number += 1
        passed += len(room)
    return entries
