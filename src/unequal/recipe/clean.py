"""The head without noise: what the noise pass of stage 2b lists, and labels it does not believe."""

from __future__ import annotations

import argparse
import os
import shlex
import time

import numpy as np

from recordio_tools.denoise import denoise
from recordio_tools.noise_threshold import list_noise
from unequal import arguments
from unequal.console import say
from unequal.data.noise_scores import Scores, read_scores
from unequal.mining.threshold import choose_threshold
from unequal.recipe import plan
from unequal.recipe.record import Record, begin, skip

# where a model believes fewer labels it has learned too little to judge them
MOST_UNLIKELY = 0.5


def clean_head(record: Record, args: argparse.Namespace) -> str:
    """Make the cleaned head, if there is anything to leave out; the set that later stages read."""
    if record.stage(plan.DENOISE)["status"] == "skipped":
        return args.head
    words = plan.denoise_words(args)
    head = words[words.index("--output") + 1]
    if record.stage(plan.DENOISE)["status"] == "done":
        return head
    if not os.path.exists(plan.scores_file(args)):  # --noise-threshold 0
        skip(record, plan.DENOISE, "no noise was looked for; the next stages read the whole head")
        return args.head
    scores = read_scores(plan.scores_file(args))
    threshold, label_below, remark = _limits(scores, args)
    noisy = (scores.largest < np.float32(threshold)) | (scores.of_label < np.float32(label_below))
    if not noisy.any():
        skip(record, plan.DENOISE, "no image was taken for noise; the next stages read the whole "
             "head" + remark)
        return args.head
    listing = plan.list_words(args, threshold, label_below)
    begin(record, plan.DENOISE,
          f"python -m recordio_tools.noise_threshold {shlex.join(listing)} && "
          f"python -m recordio_tools.denoise {shlex.join(words)}")
    started = time.monotonic()
    os.makedirs(os.path.dirname(plan.noise_list(args)), exist_ok=True)
    list_noise(scores, plan.noise_list(args), threshold, label_below)
    found = denoise(args.head, [plan.noise_list(args)], head, overwrite=True)
    nobody = int(np.count_nonzero(scores.largest < np.float32(threshold)))
    verdict = (f"{found.removed} of {found.images} images left out, {nobody} as images of nobody; "
               f"{found.lost_all} identities lost all theirs{remark}")
    record.note(plan.DENOISE, status="done", verdict=verdict,
                seconds=round(time.monotonic() - started, 1))
    say(f"== {plan.DENOISE}: {verdict}")
    return head


def _limits(scores: Scores, args: argparse.Namespace) -> tuple[float, float, str]:
    """Below which largest probability, and which of the label, an image is noise; and a remark."""
    threshold = args.noise_threshold
    if threshold == arguments.AUTO:
        threshold = choose_threshold(scores.largest).threshold
    unlikely = float(np.mean(scores.of_label < np.float32(args.label_below)))
    if unlikely > MOST_UNLIKELY:
        return threshold, 0.0, (f"; {unlikely:.0%} of the labels have a probability below "
                                f"{args.label_below:g}, too many to believe that they are wrong")
    return threshold, args.label_below, ""
