"""The lines on stdout of the tools that make a set out of sets."""

from __future__ import annotations

from pathlib import Path

from unequal.faces.left_out_table import LEFT_OUT_FILE
from unequal.support.counted import counted


def set_line(
    folder: str | Path, images: int, identities: int, bins: int, dry_run: bool = False
) -> str:
    """Return 'FOLDER: 12 images of 3 identities, 2 verification sets'.

    The last part is there only where verification sets were copied.
    """
    text = f"{folder}: {images_of(images, identities)}"
    if bins:
        text += f", {counted(bins, 'verification set')}"
    return text + (" (dry run, nothing written)" if dry_run else "")


def images_of(images: int, identities: int) -> str:
    """Return '12 images of 3 identities'."""
    return f"{counted(images, 'image')} of {counted(identities, 'identity', 'identities')}"


def broken_line(count: int, dry_run: bool = False) -> str:
    """Return '3 broken records left out, see left_out.csv'."""
    see = "" if dry_run else f", see {LEFT_OUT_FILE}"
    return f"{counted(count, 'broken record')} left out{see}"
