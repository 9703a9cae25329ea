"""Numbers and times as people read them."""

from __future__ import annotations

from datetime import datetime
from typing import Any

DASH = "\u2013"
MINUS = "\u2212"


def percent(rate: float | None, digits: int = 2) -> str:
    """0.9123 -> '91.23 %', a dash where it is not known."""
    return DASH if rate is None else f"{100 * rate:.{digits}f}\u00a0%".replace("-", MINUS)


def points(difference: float | None, digits: int = 2) -> str:
    """A difference of rates in percentage points, with its sign: 0.0123 -> '+1.23'."""
    if difference is None:
        return DASH
    text = f"{100 * difference:+.{digits}f}".replace("-", MINUS)
    return "0." + "0" * digits if not text.strip(f"+{MINUS}0.") else text


def count(value: float | None) -> str:
    """57600 -> '57,600', a dash where it is not known."""
    return DASH if value is None else f"{value:,.0f}"


def short(value: float | None) -> str:
    """A number in about three digits: 10.7525 -> '10.8', 0.00012 -> '0.00012'."""
    return DASH if value is None else f"{value:.3g}".replace("-", MINUS)


def chance(probability: float) -> str:
    """A probability in about three digits; one that is next to nothing is '< 0.0001'."""
    return short(probability) if probability >= 1e-4 or not probability else "< 0.0001"


def duration(seconds: float | None) -> str:
    """'42 s', '3 min 05 s', '2 h 07 min' or '3 d 4 h'."""
    if seconds is None:
        return DASH
    if seconds < 9.95:
        return f"{seconds:.1f}\u00a0s"
    whole = round(seconds)
    minutes, hours, days = whole // 60, whole // 3600, whole // 86400
    if not minutes:
        parts = f"{whole} s"
    elif not hours:
        parts = f"{minutes} min {whole % 60:02d} s"
    elif not days:
        parts = f"{hours} h {minutes % 60:02d} min"
    else:
        parts = f"{days} d {hours % 24} h"
    return parts.replace(" ", "\u00a0")


def moment(time: datetime | None) -> str:
    """'2026-11-22 07:30', a dash where it is not known."""
    return DASH if time is None else time.strftime("%Y-%m-%d %H:%M")


def value(given: Any) -> str:
    """What a flag was given; a dash for nothing."""
    text = " ".join(map(str, given)) if isinstance(given, (list, tuple)) else str(given)
    return DASH if given is None or not text else text


def initial(sentence: str) -> str:
    """A sentence, or the like, with a capital letter."""
    return sentence[:1].upper() + sentence[1:]


def listed(names: list[str]) -> str:
    """['a', 'b', 'c'] -> 'a, b and c'."""
    return " and ".join(filter(None, [", ".join(names[:-1]), *names[-1:]]))


def plural(number: int, noun: str) -> str:
    """1, 'image' -> '1 image'; 2 -> '2 images'; an 'y' at the end becomes 'ies'."""
    if number == 1:
        return f"1 {noun}"
    many = noun[:-1] + "ies" if noun.endswith("y") else noun + "s"
    return f"{number:,} {many}"
