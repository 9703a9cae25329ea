"""How well a model finds the people of ``--identify`` among each other and the distractors."""

from __future__ import annotations

import argparse
import json
import os
from contextlib import closing
from pathlib import Path

from eval import identification
from eval.face_batches import size_of_first
from eval.face_sources import BIN, open_faces
from unequal.data.records import read_property
from unequal.errors import InputError
from unequal.recipe.plan import EVALUATION
from unequal.recipe.screen import log_of


def command(args: argparse.Namespace, name: str, checkpoint: str) -> list[str]:
    """The words behind ``python -m eval.identification`` for the model of a stage."""
    words = ["--model", checkpoint, "--gallery", args.identify,
             "--output", os.path.join(args.output, EVALUATION, f"{name}.json")]
    return words + (["--distractors", args.distractors] if args.distractors else [])


def check_faces(args: argparse.Namespace) -> None:
    """Raise :class:`InputError` at the start for what would end the run hours later."""
    size = read_property(args.head)
    for name in ("identify", "distractors"):
        path = getattr(args, name)
        if not path:
            continue
        with closing(open_faces(path)) as source:
            height, width = size_of_first(source)
        if (height, width) != (size.height, size.width):
            raise InputError(f"--{name} {path}: images of {height}x{width}, but {args.head}/"
                             f"property says {size.height}x{size.width}; give images of that size")
        if source.kind == BIN:
            raise InputError(f"--{name} {path}: a verification set knows pairs, not people; give "
                             "a face set or a folder of images")


def identify(args: argparse.Namespace, name: str, checkpoint: str) -> dict:
    """The ``stage``, its ``rank1``, ``rank5`` and ``searches``; done once, and kept in a file.

    Raises :class:`InputError` with what the command says is wrong.
    """
    words = command(args, name, checkpoint)
    path = Path(words[words.index("--output") + 1])
    path.parent.mkdir(parents=True, exist_ok=True)
    if not path.exists():
        with log_of(str(path.parent / "log.txt"), terminal=True):
            try:
                identification.run(words)
            except InputError as error:
                raise InputError(f"--identify {args.identify}: {error}") from error
    found = json.loads(path.read_text(encoding="utf-8"))
    return {"stage": name, "rank1": found["rank1"], "rank5": found["cmc"][min(5, len(found["cmc"]))
                                                                         - 1],
            "searches": found["searches"]}
