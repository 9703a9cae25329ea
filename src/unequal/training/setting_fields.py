"""What a setting is: a field of a frozen dataclass that knows all about its flag."""

from __future__ import annotations

import argparse
import math
from dataclasses import Field, field, fields
from typing import Any, Callable, Mapping

from unequal.support.errors import InputError

AUTO = "auto"
ALL = ("softmax", "savemodel", "noise_resistance", "unequal")  # the training steps by their keys
NOISE_LIST = ("savemodel", "noise_resistance")
UNEQUAL = ("unequal",)


def setting(
    default: Any,
    help: str,
    steps: tuple[str, ...] = ALL,
    kind: Callable[[str], Any] | None = None,
    others: Mapping[str, Any] | None = None,
    new: bool = False,
) -> Any:
    """Return a field of the settings.

    Args:
        default: the flag's, in most steps.
        help: what it means.
        steps: the keys of the steps whose scripts have the flag.
        kind: reads the flag's text; None: the type of the default.
        others: the defaults of the steps that have another one, by key.
        new: whether the scripts of 2019 lack it.
    """
    facts = dict(help=help, steps=steps, kind=kind or type(default), others=others or {}, new=new)
    return field(default=default, metadata=facts)


def number_or_auto(text: str) -> float | str:
    """Return 0.25 for ``'0.25'`` and ``'auto'`` for ``'auto'``."""
    try:
        return AUTO if text == AUTO else float(text)
    except ValueError:
        raise argparse.ArgumentTypeError(f"{text!r}: give a probability, or {AUTO}") from None


def check_finite(values: Mapping[str, Any]) -> None:
    """Raise InputError where one of these values by name is an infinite number or none at all."""
    for name, value in values.items():
        if isinstance(value, float) and not math.isfinite(value):
            raise InputError(f"`{name}` {value}: must be a finite number")


class Settings:
    """Base of the settings below: every floating-point field must be a finite number."""

    def __post_init__(self) -> None:
        check_finite(vars(self))
        self._check()

    def _check(self) -> None:
        """Raise InputError for a value that no run can have."""

    def at_least(self, **bounds: int) -> None:
        """Raise InputError for a field below its bound; None passes."""
        for name, bound in bounds.items():
            value = getattr(self, name)
            if value is not None and value < bound:
                raise InputError(f"`{name}` {value}: must be at least {bound}")


def settings_of(*kinds: type) -> list[Field[Any]]:
    """Return the fields of settings classes that have a flag."""
    return [known for kind in kinds for known in fields(kind) if known.metadata]
