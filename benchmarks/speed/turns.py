"""Works in turns: in this process, or in processes of their own, of which one works at a time.

The threads of two numeric libraries in one process disturb each other. This file needs nothing but
Python, so that a process can run under another interpreter.
"""

from __future__ import annotations

import contextlib
import json
import os
import resource
import subprocess
import sys
import threading
import time
from functools import partial
from typing import Any, Callable, Iterator, Mapping, NamedTuple

CHILD = "--child"
LEAST_SECONDS = 0.5


def in_turns(
    works: Mapping[str, Callable[[], Any]], rounds: int, warm: int = 0
) -> dict[str, list[Any]]:
    """Return what each work gives in each round, after ``warm`` rounds that do not count."""
    found: dict[str, list] = {name: [] for name in works}
    for turn in range(rounds + warm):
        # each goes first every other time, so that a machine that slows down favours none
        for name in list(works)[:: -1 if turn % 2 else 1]:
            result = works[name]()
            if turn >= warm:
                found[name].append(result)
    return found


def seconds_in_turns(
    works: Mapping[str, Callable[[], object]], rounds: int, warm: int = 1, each: float = 1
) -> dict[str, list[float]]:
    """Return the time that each work takes in each round, in units of ``each`` seconds."""

    def timed(work: Callable[[], object]) -> float:
        start = time.perf_counter()
        work()
        return (time.perf_counter() - start) / each

    return in_turns({name: partial(timed, work) for name, work in works.items()}, rounds, warm)


class Absent(Exception):
    """The process cannot do its work here; the message says why."""


class Job(NamedTuple):
    """What a process tells about its work once, and the work, which returns when all is done."""

    facts: dict
    work: Callable[[], object] = lambda: None


class Worker:
    """A process that works when it is asked. Raises Absent where it cannot.

    It runs ``program``, which calls `serve`, whose ``make`` gets the arguments. It ends by itself
    when this process does. ``facts``: what it told about its work.
    """

    def __init__(
        self,
        program: str,
        *arguments: object,
        python: str = sys.executable,
        environ: Mapping[str, str] | None = None,
    ) -> None:
        self._process = subprocess.Popen(
            [python, "-W", "ignore", program, CHILD, json.dumps(arguments)],
            env={**os.environ, **(environ or {})},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
        )
        self.facts = self._answer()

    def turn(self) -> dict:
        """{"seconds": of one repetition, "peak": the most megabytes held so far}."""
        self._process.stdin.write("again\n")
        self._process.stdin.flush()
        return self._answer()

    def close(self) -> None:
        """End it, and wait for that."""
        self._process.communicate()

    def _answer(self) -> dict:
        line = self._process.stdout.readline()
        answer = json.loads(line) if line else {"absent": "its process has ended"}
        if "absent" in answer:
            self.close()
            raise Absent(answer["absent"])
        return answer


def once(program: str, *arguments: object) -> dict:
    """Return the facts of a process that is started for them alone."""
    worker = Worker(program, *arguments)
    worker.close()
    return worker.facts


def serve(make: Callable[..., Job]) -> None:
    """In the process: make the job, and work for each line that comes in.

    A turn repeats the work until LEAST_SECONDS have passed. Standard output is for the answers;
    what else is printed goes to standard error.
    """
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)

    def answer(what: dict) -> None:
        answers.write(json.dumps(what) + "\n")
        answers.flush()

    try:
        job = make(*json.loads(sys.argv[2]))
    except Exception as error:
        told = str(error).strip().splitlines() or [""]
        answer({"absent": f"{type(error).__name__}: {told[0]}"})
        return
    answer(job.facts)
    for _ in sys.stdin:
        count, start = 0, time.perf_counter()
        while not count or time.perf_counter() - start < LEAST_SECONDS:
            job.work()
            count += 1
        seconds = (time.perf_counter() - start) / count
        answer({"seconds": seconds, "peak": peak_megabytes()})


def peak_megabytes() -> float:
    """The most memory that this process has held, as Linux counts it."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024 / 1e6


@contextlib.contextmanager
def watched(measure: Callable[[], float], every: float) -> Iterator[list[float]]:
    """Call ``measure`` every so many seconds meanwhile; the list has the largest number it gave."""
    most, ended = [0.0], threading.Event()

    def watch() -> None:
        while not ended.wait(every):
            most[0] = max(most[0], measure())

    watcher = threading.Thread(target=watch)
    watcher.start()
    try:
        yield most
    finally:
        ended.set()
        watcher.join()
