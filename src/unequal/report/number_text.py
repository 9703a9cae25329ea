"""Numbers and times as people read them."""

from __future__ import annotations

from typing import Any

DASH = "\u2013"
MINUS = "\u2212"


def percent(rate: float | None, digits: int = 2) -> str:
    """Write a rate: 0.9123 -> '91.23 %', None -> a dash."""
    return DASH if rate is None else f"{100 * rate:.{digits}f}\u00a0%".replace("-", MINUS)


def points(difference: float) -> str:
    """Write a difference of rates in percentage points with its sign: 0.0123 -> '+1.23'."""
    text = f"{100 * difference:+.2f}".replace("-", MINUS)
    return "0.00" if text[1:] == "0.00" else text


def number(value: float | None) -> str:
    """Write a count: 57600 -> '57,600', None -> a dash."""
    return DASH if value is None else f"{value:,.0f}"


def brief(value: float | None) -> str:
    """Write a number in about three digits: 10.7525 -> '10.8', 0.00012 -> '0.00012'."""
    return DASH if value is None else f"{value:.3g}".replace("-", MINUS)


def chance(probability: float) -> str:
    """Write a probability in about three digits, a very small one as '< 0.0001'."""
    return brief(probability) if probability >= 1e-4 or not probability else "< 0.0001"


def duration(seconds: float | None) -> str:
    """Write a time: '42 s', '3 min 05 s', '2 h 07 min' or '3 d 4 h'."""
    if seconds is None:
        return DASH
    whole = round(seconds)
    minutes, hours, days = whole // 60, whole // 3600, whole // 86400
    text = f"{days} d {hours % 24} h"
    if not minutes:
        text = f"{seconds:.1f} s" if seconds < 9.95 else f"{whole} s"
    elif not hours:
        text = f"{minutes} min {whole % 60:02d} s"
    elif not days:
        text = f"{hours} h {minutes % 60:02d} min"
    return text.replace(" ", "\u00a0")


def value(given: Any) -> str:
    """Write the value of a flag, a dash for nothing."""
    text = " ".join(map(str, given)) if isinstance(given, (list, tuple)) else str(given)
    return DASH if given is None or not text else text


def initial(sentence: str) -> str:
    """Begin a sentence with a capital letter."""
    return sentence[:1].upper() + sentence[1:]


def listed(names: list[str]) -> str:
    """Join names: ['a', 'b', 'c'] -> 'a, b and c'."""
    return " and ".join(filter(None, [", ".join(names[:-1]), *names[-1:]]))


def plural(count: int, noun: str) -> str:
    """Write a number of things: 1, 'image' -> '1 image'; 2, 'identity' -> '2 identities'."""
    if count == 1:
        return f"1 {noun}"
    many = noun[:-1] + "ies" if noun.endswith("y") else noun + "s"
    return f"{count:,} {many}"
