"""The head without noise: without the images whose labels the model does not believe.

That finds images of nobody as well as wrong labels, and did better than the noise list of stage 2b
by itself wherever it was tried (benchmarks/method/METHOD.md); --label-below 0 takes that list.
"""

from __future__ import annotations

import argparse
import os
import shlex
import time

import numpy as np

from recordio_tools.denoise import denoise
from recordio_tools.noise_threshold import noisy_images
from unequal.faces.noise_list import write_noise_list
from unequal.faces.noise_scores import Scores, read_scores
from unequal.faces.noise_threshold import choose_threshold
from unequal.recipe import plan
from unequal.recipe.record import Record, begin, skip
from unequal.support.console import say
from unequal.training import flags as arguments

# where a model believes fewer labels it has learned too little to judge them
MOST_UNLIKELY = 0.5
MANY_UNLIKELY = 0.25


def clean_head(record: Record, args: argparse.Namespace) -> str:
    """Make the cleaned head, if there is anything to leave out; the set that later stages read."""
    if record.stage(plan.DENOISE)["status"] == "skipped":
        return args.head
    words = plan.denoise_words(args)
    head = words[words.index("--output") + 1]
    if record.stage(plan.DENOISE)["status"] == "done":
        return head
    if not os.path.exists(plan.scores_file(args)):  # a threshold of 0 writes none
        skip(record, plan.DENOISE, "no noise was looked for; the next stages read the whole head")
        return args.head
    scores = read_scores(plan.scores_file(args))
    threshold, label_below, remark = _limits(scores, args)
    noisy = noisy_images(scores, threshold, label_below)
    if not noisy.any():
        skip(
            record,
            plan.DENOISE,
            "no image was taken for noise; the next stages read the whole head" + remark,
        )
        return args.head
    listing = plan.list_words(args, threshold, label_below)
    begin(
        record,
        plan.DENOISE,
        f"python -m recordio_tools.noise_threshold {shlex.join(listing)} && "
        f"python -m recordio_tools.denoise {shlex.join(words)}",
    )
    started = time.monotonic()
    os.makedirs(os.path.dirname(plan.noise_list(args)), exist_ok=True)
    write_noise_list(plan.noise_list(args), scores.rows(noisy))
    found = denoise(args.head, [plan.noise_list(args)], head, overwrite=True)
    verdict = (
        f"{found.removed} of {found.images} images left out; {found.lost_all} identities "
        f"lost all theirs{remark}"
    )
    record.note(
        plan.DENOISE, status="done", verdict=verdict, seconds=round(time.monotonic() - started, 1)
    )
    say(f"== {plan.DENOISE}: {verdict}")
    return head


def _limits(scores: Scores, args: argparse.Namespace) -> tuple[float, float, str]:
    """Below which largest probability, and which of the label, an image is noise; and a remark."""
    if not args.label_below:
        threshold = args.noise_threshold
        automatic = threshold == arguments.AUTO
        return choose_threshold(scores.largest).threshold if automatic else threshold, 0.0, ""
    unlikely = float(np.mean(noisy_images(scores, label_below=args.label_below)))
    if unlikely > MOST_UNLIKELY:
        return (
            0.0,
            0.0,
            (
                f"; {unlikely:.0%} of the labels have a probability below "
                f"{args.label_below:g}, too many to believe that they are wrong"
            ),
        )
    if unlikely > MANY_UNLIKELY:
        return (
            0.0,
            args.label_below,
            (
                "; that is much: look at the report, and give a lower "
                "--label-below if good images are among them"
            ),
        )
    return 0.0, args.label_below, ""
