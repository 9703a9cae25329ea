"""Reading results one step behind the work that makes them."""

from __future__ import annotations

from contextlib import closing
from typing import Any, Callable, Generator, TypeVar

T = TypeVar("T")


def pusher(function: Callable[..., Any]) -> Callable[..., Any]:
    """Return `function.push`, which starts the work and does not wait, or the function without one.

    np.asarray of what either returns is the result.
    """
    return getattr(function, "push", function)


def one_behind(items: Generator[T, None, None]) -> Generator[T, None, None]:
    """Yield the same items in order, each when the one after it has been made.

    Where making an item gives work to a device, and using it waits for that work, the device has
    the next piece of work by then and does not stand idle. Closes `items` at the end.
    """
    with closing(items):
        before: list[T] = []
        for item in items:
            before.append(item)
            if len(before) > 1:
                yield before.pop(0)
        yield from before
