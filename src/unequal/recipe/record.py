"""``OUTPUT/recipe.json``: what a run of the recipe was asked for, and how far it has come."""

from __future__ import annotations

import argparse
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
from typing import Iterator, Sequence

import unequal
from unequal.recipe.plan import Stage, names_in
from unequal.support.console import say
from unequal.support.errors import InputError
from unequal.support.files import replace_file

VERSION = 1
FILE = "recipe.json"
LOCK = ".lock"
PACKAGES = ("mxnet", "mxnet-cu112", "numpy", "opencv-python", "scikit-learn")
LEFT_BY_A_KILL = re.compile(
    r"(recipe|evaluation)\.json\.\d+\.tmp|report\.html\.\d+\.tmp"
    r"|\.head_denoised\.\d+\.partial"
)
# a run that goes on may be given these anew: they change no number
MAY_CHANGE = ("fresh", "workers")


@contextmanager
def alone(output: str) -> Iterator[None]:
    """Nobody else runs the recipe in this folder, which is made; InputError where somebody does."""
    try:
        os.makedirs(output, exist_ok=True)
        lock = open(os.path.join(output, LOCK), "w")
    except OSError as error:
        raise InputError(
            f"--output {output}: cannot be written ({error.strerror}); name another folder"
        ) from error
    with lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            raise InputError(
                f"--output {output}: another run is at work there; wait for it, or "
                "name another folder"
            ) from None
        yield


class Record:
    """The record of one run; every change is on the disk before the next thing is done."""

    def __init__(self, output: str, facts: dict):
        self._path = os.path.join(output, FILE)
        self.facts = facts

    def stage(self, name: str) -> dict:
        """What is known of a stage; change it with :meth:`note`."""
        return next(stage for stage in self.facts["stages"] if stage["name"] == name)

    def note(self, name: str = "", **facts: object) -> None:
        """Note facts of a stage, or of the whole run."""
        (self.stage(name) if name else self.facts).update(facts)
        text = json.dumps(self.facts, indent=1)
        replace_file(self._path, lambda to: Path(to).write_text(text + "\n", encoding="utf-8"))


def begin(record: Record, name: str, command: str = "") -> bool:
    """Say and note that a stage begins; False where it is over already."""
    known = record.stage(name)
    if known["status"] in ("done", "skipped"):
        return False
    say(f"\n== {name}: {known['title']}" + (f"\n{command}" if command else ""))
    record.note(name, status="running", command=command)
    return True


def skip(record: Record, name: str, why: str) -> None:
    """Say and note, once, that a stage is left out."""
    if record.stage(name)["status"] != "skipped":
        record.note(name, status="skipped", verdict=why)
        say(f"\n== {name}: {why}")


def open_record(args: argparse.Namespace, stages: Sequence[Stage], devices: str) -> Record:
    """The record in ``args.output``: the one that is there, or a new one.

    Raises :class:`InputError` where the folder holds something else, or a run with other flags.
    """
    flags = {name: value for name, value in vars(args).items() if name not in MAY_CHANGE}
    path = Path(args.output, FILE)
    if path.exists() and not args.fresh:
        return Record(args.output, _read(path, flags))
    ours = names_in(args.output) if path.exists() and _is_record(path) else []
    strangers = sorted(
        name
        for name in set(os.listdir(args.output)) - {LOCK, *ours}
        if not LEFT_BY_A_KILL.fullmatch(name)
    )
    if strangers:
        raise InputError(
            f"--output {args.output}: holds {strangers[0]}, which is not this "
            "recipe's; move it away, or name an empty or a new folder"
        )
    if ours:
        _clear(args.output)
    record = Record(
        args.output,
        {
            "version": VERSION,
            "created": now(),
            "finished": None,
            "flags": flags,
            "versions": _versions(),
            "machine": {"processor": _processor(), "cores": os.cpu_count(), "devices": devices},
            "stages": [
                {
                    "name": stage.name,
                    "title": stage.title,
                    "why": stage.why,
                    "command": "",
                    "folder": stage.name,
                    "status": "waiting",
                }
                for stage in stages
            ],
            "final": None,
        },
    )
    record.note()
    return record


def now() -> str:
    """The time, to a second, in the zone of the machine."""
    return datetime.now().astimezone().isoformat(timespec="seconds")


def _is_record(path: Path) -> bool:
    try:
        facts = json.loads(path.read_text(encoding="utf-8"))
        return {"version", "flags"} <= set(facts) and "head" in facts["flags"]
    except (OSError, ValueError, TypeError):
        return False


def _read(path: Path, flags: dict) -> dict:
    try:
        facts = json.loads(path.read_text(encoding="utf-8"))
        before, version = facts["flags"], facts["version"]
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise InputError(f"{path}: is not the record of a recipe; name another --output") from error
    if version != VERSION:
        raise InputError(
            f"{path}: is of another version of this software; name another --output, "
            "or give --fresh"
        )
    for name, value in flags.items():
        if before.get(name) != value:
            flag = "--" + name.replace("_", "-")
            raise InputError(
                f"{path}: is of a run with {flag} {before.get(name)}, not {value}; "
                "give the same flags to go on, --fresh to start over, or another "
                "--output"
            )
    return facts


def _clear(output: str) -> None:
    names = names_in(output)
    say(f"--fresh: removing {', '.join(names)} from {output}")
    # killed in the middle of this, no run must go on with what is left
    Record(output, {"version": VERSION, "flags": {"head": "that is being removed"}}).note()
    for name in [*(name for name in names if name != FILE), FILE]:
        path = Path(output, name)
        shutil.rmtree(path) if path.is_dir() else path.unlink()


def _versions() -> dict[str, str]:
    found = {"unequal": unequal.__version__, "python": platform.python_version()}
    for package in PACKAGES:
        try:
            found[package] = metadata.version(package)
        except metadata.PackageNotFoundError:
            continue
    return found


def _processor() -> str:
    try:
        text = Path("/proc/cpuinfo").read_text(encoding="utf-8", errors="replace")
        return next(
            line.partition(":")[2].strip()
            for line in text.splitlines()
            if line.startswith("model name")
        )
    except (OSError, StopIteration):
        return platform.processor() or platform.machine()
