"""``OUTPUT/recipe.json``: what a run of the recipe was asked for, and how far it has come."""

from __future__ import annotations

import fcntl
import json
import os
import platform
import re
import shutil
from contextlib import contextmanager
from datetime import datetime
from importlib import metadata
from pathlib import Path
from typing import Any, Collection, Iterator, Mapping

import unequal
from unequal.recipe.plan import is_ours, stages_of
from unequal.recipe.settings import RecipeSettings
from unequal.report.stage_names import RECORD
from unequal.support.console import say
from unequal.support.errors import InputError
from unequal.support.files import replace_file

VERSION = 2  # 1 had other names of stages and flags
LOCK = ".lock"
PACKAGES = ("mxnet", "mxnet-cu112", "numpy", "opencv-python", "scikit-learn")


@contextmanager
def alone(output: str) -> Iterator[None]:
    """Make the folder, and keep other runs of the recipe out of it.

    Raises:
        InputError: another run is at work there, or the folder cannot be written.
    """
    try:
        os.makedirs(output, exist_ok=True)
        lock = open(os.path.join(output, LOCK), "w")
    except OSError as error:
        raise InputError(
            f"`output` {output}: cannot be written ({error.strerror}); name another folder"
        ) from error
    with lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            raise InputError(
                f"`output` {output}: another run is at work there; wait for it, or "
                "name another folder"
            ) from None
        yield


class RecipeRecord:
    """The record of one run; every change is on the disk before anything else is done."""

    def __init__(self, output: str, facts: dict[str, Any]):
        self._path = os.path.join(output, RECORD)
        self.facts = facts

    def stage(self, name: str) -> dict[str, Any]:
        """Return what is known of a stage; :meth:`note` changes it."""
        return next(stage for stage in self.facts["stages"] if stage["name"] == name)

    def note(self, name: str = "", **facts: object) -> None:
        """Note facts of a stage, or of the whole run where no stage is named."""
        (self.stage(name) if name else self.facts).update(facts)
        text = json.dumps(self.facts, indent=1) + "\n"
        replace_file(self._path, lambda to: Path(to).write_text(text, "utf-8"))

    def begin(self, name: str, command: str = "") -> bool:
        """Say and note that a stage begins; return False where it is over already."""
        known = self.stage(name)
        if known["status"] in ("done", "skipped"):
            return False
        say(f"\n== {name}: {known['title']}" + (f"\n{command}" if command else ""))
        self.note(name, status="running", command=command)
        return True

    def skip(self, name: str, why: str) -> None:
        """Say and note, once, that a stage is left out."""
        if self.stage(name)["status"] != "skipped":
            self.note(name, status="skipped", verdict=why)
            say(f"\n== {name}: {why}")


def open_record(settings: RecipeSettings, devices: str) -> RecipeRecord:
    """Return the record in the output folder: the one that is there, or a new one.

    Args:
        settings: those of the run; with ``fresh``, what an earlier run has left is removed.
        devices: what the run trains on, in words.

    Raises:
        InputError: the folder holds something else, or a run with other flags.
    """
    output, path = settings.output, Path(settings.output, RECORD)
    before = _facts_in(path)
    if path.exists() and not settings.fresh:
        _check_same(path, before, settings.flags)
        return RecipeRecord(output, before)
    # a name that begins with a dot or ends in .tmp is the lock's, or was left by a kill
    found = {name for name in os.listdir(output) if not re.match(r"\.|.*\.tmp$", name)}
    ours = {name for name in found if before and is_ours(name)}
    if found - ours:
        raise InputError(
            f"`output` {output}: holds {min(found - ours)}, which is not this "
            "recipe's; move it away, or name an empty or a new folder"
        )
    if ours:
        _clear(output, ours)
    facts = {
        "version": VERSION,
        "created": now(),
        "finished": None,
        "flags": settings.flags,
        "versions": _versions(),
        "machine": {"processor": _processor(), "cores": os.cpu_count(), "devices": devices},
        "stages": [
            dict(name=name, title=title, why=why, command="", folder=name, status="waiting")
            for name, _, title, why, _ in stages_of(settings)
        ],
        "final": None,
    }
    record = RecipeRecord(output, facts)
    record.note()
    return record


def now() -> str:
    """Return the time, to a second, in the zone of the machine."""
    return datetime.now().astimezone().isoformat(timespec="seconds")


def _facts_in(path: Path) -> dict[str, Any]:
    """Return the facts of a record of this or another version; {} where there is none."""
    try:
        facts = json.loads(path.read_text(encoding="utf-8"))
        return facts if "version" in facts and "head" in facts["flags"] else {}
    except (OSError, ValueError, KeyError, TypeError):
        return {}


def _check_same(path: Path, before: Mapping[str, Any], flags: Mapping[str, Any]) -> None:
    """Raise InputError unless the facts ``before`` are of a run with these flags."""
    if not before:
        raise InputError(f"{path}: is not the record of a recipe; name another `output`")
    if before["version"] != VERSION:
        raise InputError(
            f"{path}: is of a run that another version of this software began; finish it with that "
            "version, give `fresh` to start over, or name another `output`"
        )
    for name, value in flags.items():
        if before["flags"].get(name) != value:
            raise InputError(
                f"{path}: is of a run with `{name}` {before['flags'].get(name)}, not {value}; give "
                "the same flags to resume it, `fresh` to start over, or another `output`"
            )


def _clear(output: str, names: Collection[str]) -> None:
    """Remove what a recipe has made, its record last."""
    say(f"--fresh: removing {', '.join(sorted(names))} from {output}")
    # where this is killed in the middle, no run must resume what is left
    RecipeRecord(output, {"version": VERSION, "flags": {"head": "that is being removed"}}).note()
    for path in (Path(output, name) for name in sorted(names, key=RECORD.__eq__)):
        shutil.rmtree(path) if path.is_dir() else path.unlink()


def _versions() -> dict[str, str]:
    installed = {found.metadata["Name"]: found.version for found in metadata.distributions()}
    versions = {"unequal": unequal.__version__, "python": platform.python_version()}
    return {**versions, **{name: installed[name] for name in PACKAGES if name in installed}}


def _processor() -> str:
    path = Path("/proc/cpuinfo")
    text = path.read_text(encoding="utf-8", errors="replace") if path.exists() else ""
    name = re.search(r"model name\s*: (.*)", text)
    return name[1] if name else platform.machine()
