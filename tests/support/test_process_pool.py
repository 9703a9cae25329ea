"""Work in several processes gives the results of one, in order, and never runs far ahead."""

from __future__ import annotations

import operator
import os
import signal
import subprocess
import sys
import time

import pytest

from unequal.support.process_pool import CHUNKS_AHEAD, in_order

ORPHANS = """
import os, sys, time
from unequal.support.process_pool import in_order
def work(item):
    if item:
        time.sleep(60)
    return os.getpid()
if __name__ == "__main__":
    with in_order(work, [0, 1, 1, 1], 2, 1) as results:
        print(next(results), flush=True)
        next(results)
"""


@pytest.mark.parametrize("processes", [1, 2])
@pytest.mark.parametrize("count", [0, 1, 7])
def test_results_come_in_the_order_of_the_items(processes, count):
    with in_order(operator.neg, range(count), processes, per_call=2) as results:
        assert list(results) == [-item for item in range(count)]


def test_items_are_taken_only_a_little_ahead_of_their_results():
    taken = []

    def items():
        for item in range(1000):
            taken.append(item)
            yield item

    with in_order(operator.neg, items(), 2, per_call=3) as results:
        for position in range(50):
            next(results)
            assert len(taken) <= position + 1 + 3 * (2 * CHUNKS_AHEAD + 1)
    assert len(taken) < 100


@pytest.mark.parametrize("processes", [1, 2])
def test_an_exception_of_the_work_reaches_the_caller(processes):
    with pytest.raises(TypeError):
        with in_order(operator.neg, [1, "text", 2], processes, per_call=1) as results:
            list(results)


def test_workers_end_when_their_parent_is_killed(tmp_path):
    script = tmp_path / "orphans.py"
    script.write_text(ORPHANS)
    parent = subprocess.Popen([sys.executable, str(script)], stdout=subprocess.PIPE)
    worker = int(parent.stdout.readline())
    parent.send_signal(signal.SIGKILL)
    parent.wait()
    parent.stdout.close()
    for _ in range(200):
        if not os.path.exists(f"/proc/{worker}") or is_zombie(worker):
            return
        time.sleep(0.05)
    os.kill(worker, signal.SIGKILL)
    pytest.fail("the worker outlived its parent")


def is_zombie(process: int) -> bool:
    with open(f"/proc/{process}/stat") as file:
        return file.read().rpartition(")")[2].split()[0] == "Z"
