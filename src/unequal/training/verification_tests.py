"""Verification during training: its sets, its log lines, its accuracies."""

from __future__ import annotations

import argparse
import logging
import os
from typing import Callable, Mapping

import numpy as np

from eval.verification import VerificationResult, test
from eval.verification_parts.verification_set import VerificationSet, load_bin
from unequal.support.console import say


def load_targets(args: argparse.Namespace) -> dict[str, VerificationSet]:
    """{target: verification set} of the bins found in the data folder; missing ones are left out.

    Raises :class:`InputError` for a bin that cannot be read or has images of another size.
    """
    found = {}
    for name in args.target.split(","):
        path = os.path.join(args.data_dir, f"{name}.bin")
        if name and os.path.exists(path):
            found[name] = load_bin(path, (args.image_h, args.image_w), _say_every_thousand)
            say(found[name].shape)
            say("ver", name)
    if not found:
        logging.warning(
            "%s: holds none of the sets of --target %s: nothing will be tested",
            args.data_dir,
            args.target,
        )
    return found


def _say_every_thousand(index: int) -> None:
    if index % 1000 == 0:
        say("loading bin", index)


def make_test(
    targets: Mapping[str, VerificationSet],
    embed: Callable[[np.ndarray], np.ndarray],
    batch_size: int,
    says_shapes: str | None,
    note: Callable[[int, Mapping[str, VerificationResult]], None] = lambda *_: None,
) -> Callable[[int], dict[str, float]]:
    """step -> {target: accuracy}; prints the lines of a verification, ``note`` gets all of it."""

    def run(step: int) -> dict[str, float]:
        results = {}
        for name, verification_set in targets.items():
            say("testing verification..")
            if says_shapes:
                say(says_shapes)
            result = test(verification_set, embed, batch_size)
            say(result.embeddings.shape)
            say(f"infer time {result.seconds:f}")
            say(f"[{name}][{step}]XNorm: {result.xnorm:f}")
            say(f"[{name}][{step}]Accuracy-Flip: {result.acc2:1.5f}+-{result.std2:1.5f}")
            results[name] = result
        note(step, results)
        return {name: result.acc2 for name, result in results.items()}

    return run
