"""Which path of a list comes again is told the same in every run."""

from __future__ import annotations

import os
import subprocess
import sys

from script_runs import REPOSITORY
from unequal.faces.image_list_order import LabelOrder


def test_of_many_repeated_paths_the_first_of_the_list_is_named(tmp_path):
    paths = [f"{number}.jpg" for number in range(50)]
    lines = [*reversed(paths), "once.jpg", *paths, "7.jpg"]
    (tmp_path / "x.lst").write_text("".join(f"1\t{path}\t0\n" for path in lines))
    found = LabelOrder(tmp_path / "x.lst")
    assert (found.images, found.repeated, found.repeated_path) == (102, 51, "49.jpg")
    program = (
        "import sys; from unequal.faces.image_list_order import LabelOrder; "
        "print(LabelOrder(sys.argv[1]).repeated_path)"
    )
    for seed in "12":
        done = subprocess.run(
            [sys.executable, "-c", program, str(tmp_path / "x.lst")],
            cwd=REPOSITORY,
            text=True,
            env={**os.environ, "PYTHONHASHSEED": seed},
            capture_output=True,
            check=True,
        )
        assert done.stdout == "49.jpg\n"
