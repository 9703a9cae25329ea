"""Works in processes of their own, which take turns: one works, the others sleep.

The threads of two numeric libraries in one process disturb each other. Needs nothing but Python,
so that a process can run under another interpreter.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import subprocess
import sys
import time
from typing import Callable, Mapping, NamedTuple, Sequence

LEAST_SECONDS = 0.5


class Absent(Exception):
    """The process cannot do its work here; the message says why."""


class Job(NamedTuple):
    """What `serve` repeats, which returns when all is done, and what it tells about it once."""

    work: Callable[[], None]
    facts: dict


class Worker:
    """A process that works when it is asked. Raises Absent where it cannot.

    ``facts``: what it told about its work. It ends by itself when this process does.
    """

    def __init__(self, command: Sequence[str], environ: Mapping[str, str]) -> None:
        self._process = subprocess.Popen(
            list(command),
            env={**os.environ, **environ},
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
        if not line:
            self.close()
            raise Absent(f"its process ended with status {self._process.returncode}")
        answer = json.loads(line)
        if "absent" in answer:
            self.close()
            raise Absent(answer["absent"])
        return answer


def serve(make: Callable[[], Job], warm: int = 1) -> None:
    """In the process: make the job, work ``warm`` times, then for each line that comes in.

    A turn repeats the work until LEAST_SECONDS have passed. Standard output is for the answers;
    what else is printed goes to standard error.
    """
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)

    def answer(what: dict) -> None:
        answers.write(json.dumps(what) + "\n")
        answers.flush()

    try:
        job = make()
        for _ in range(warm):
            job.work()
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


def worker_parser(
    description: str, forms: Sequence[str], kinds: Sequence[str]
) -> argparse.ArgumentParser:
    """The flags of a program that serves one form of one network."""
    parser = argparse.ArgumentParser(description=description)
    parser.add_argument("--form", choices=forms, required=True)
    parser.add_argument("--network", required=True)
    parser.add_argument("--kind", choices=kinds, required=True)
    parser.add_argument("--batch", type=int, required=True)
    return parser


def peak_megabytes() -> float:
    """The most memory that this process has held, as Linux counts it."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024 / 1e6
