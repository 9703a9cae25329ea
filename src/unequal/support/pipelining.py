"""Reading results one step behind the work that makes them."""

from __future__ import annotations

from contextlib import closing
from typing import Any, Callable, Generator, TypeVar

import numpy as np

T = TypeVar("T")


def pusher(function: Callable[..., Any]) -> Callable[..., Any]:
    """Return `function.push`, which starts the work and does not wait; without it, `function`.

    np.asarray of what either returns is the result.
    """
    return getattr(function, "push", function)


def mirror_pusher(
    embed: Callable[[np.ndarray], np.ndarray],
) -> Callable[[np.ndarray], tuple[object, object]]:
    """Return what starts the work on images (n, 3, height, width) and on their mirror images.

    It is `embed.push_with_mirror`, which uploads them once, if `embed` has that.
    """

    def both(images: np.ndarray) -> tuple[object, object]:
        return embed(images), embed(np.ascontiguousarray(images[:, :, :, ::-1]))

    return getattr(embed, "push_with_mirror", both)


def one_behind(items: Generator[T, None, None]) -> Generator[T, None, None]:
    """Yield the same items in order, each after the one behind it has been made.

    If making an item hands work to a device, and using it waits for that work, the device has the
    next piece of work by then and need not wait. Closes `items` at the end.
    """
    with closing(items):
        before: list[T] = []
        for item in items:
            before.append(item)
            if len(before) > 1:
                yield before.pop(0)
        yield from before
