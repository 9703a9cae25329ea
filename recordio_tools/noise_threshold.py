"""Help to choose the threshold below which an image is noise.

Reads what the noise pass of train_NR.py found, either 0_noise_scores.csv, which it writes with any
--noise-threshold but 0, or a noise list made with a threshold so high that most images are in it.
Prints the distribution of the largest probabilities, how many images each threshold would leave
out, and where the valley between noise and the rest is, if there is one. That valley is what
--noise-threshold auto takes.

--output writes a noise list, for recordio_tools.denoise, of the images below --threshold, and of
those whose own label has a probability below --label-below: wrong labels as well as images of
nobody.
"""

from __future__ import annotations

import argparse
import sys
from typing import Iterator

import numpy as np

from unequal.faces.noise_histogram import write_distribution, write_histogram
from unequal.faces.noise_list import read_noise_list, write_noise_list
from unequal.faces.noise_scores import Scores, read_scores
from unequal.faces.noise_threshold import Choice, choose_threshold
from unequal.support.command_line import main_of, make_parser
from unequal.support.errors import InputError
from unequal.support.output_file import refuse_existing

EXAMPLE = """\
  python -m recordio_tools.noise_threshold --scores 0_noise_scores.csv --histogram noise.png
  python -m recordio_tools.noise_threshold --scores 0_noise_scores.csv --threshold 0.4 \\
      --output chosen_noiselist.txt
  python -m recordio_tools.noise_threshold --scores 0_noise_scores.csv --label-below 0.1 \\
      --output unlikely_noiselist.txt"""
QUANTILES = (0, 0.001, 0.01, 0.05, 0.1, 0.25, 0.5, 0.75, 1)
SMALL_THRESHOLDS = (0.001, 0.002, 0.005, 0.007, 0.01, 0.02, 0.05)
THRESHOLDS = (*SMALL_THRESHOLDS, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 0.95, 0.99)


def noisy_images(scores: Scores, threshold: float = 0.0, label_below: float = 0.0) -> np.ndarray:
    """Return which images are noise, bool (images,).

    That is where the largest probability is below `threshold`, or that of the label is below
    `label_below`, compared as float32.
    """
    return (scores.largest < np.float32(threshold)) | (scores.of_label < np.float32(label_below))


def describe(largest: np.ndarray, choice: Choice) -> Iterator[str]:
    """Yield lines about the largest probabilities of a set, float32 (images,), one or more.

    `choice` is what --noise-threshold auto takes.
    """
    yield f"{len(largest)} images"
    yield "\nshare of images   have a largest probability up to"
    ordered = np.sort(largest)
    for share in QUANTILES:
        yield f"{100 * share:>13.1f} %   {ordered[int(share * (len(ordered) - 1))]:.4g}"
    yield "\nthreshold   images below"
    for number in THRESHOLDS:
        count = np.count_nonzero(largest < np.float32(number))
        yield f"{number:>9}   {count} ({100 * count / len(largest):.2f} %)"
    yield f"\nauto: threshold {choice.threshold:g}: {choice.reason}"


def _work(args: argparse.Namespace) -> None:
    if (args.output is None) != (args.threshold is None and args.label_below is None):
        raise InputError("--output: goes with --threshold or --label-below; give both or none")
    if args.output and not args.scores:
        raise InputError(
            "--output: needs --scores; recordio_tools.denoise takes a noise list and a --threshold"
        )
    for name in ("histogram", "csv", "output"):
        path = getattr(args, name)
        if path is not None:
            refuse_existing(name, path, args.overwrite)
    source = args.scores or args.noise_list
    scores = read_scores(source) if args.scores else None
    largest = _largest_in_list(source) if scores is None else scores.largest
    if not len(largest):
        raise InputError(
            f"{source}: there is no image in it; give the scores or the list of another run"
        )
    choice = choose_threshold(largest)
    for line in describe(largest, choice):
        print(line)
    if args.noise_list:
        print(
            f"A noise list holds only the images below a threshold: shares are of those, and "
            f"nothing is known of images above {largest.max():.3g}."
        )
    if args.csv:
        write_distribution(args.csv, largest)
    if args.histogram:
        thresholds = {"auto": choice.threshold, "--threshold": args.threshold or 0.0}
        write_histogram(args.histogram, largest, source, thresholds)
    if args.output and scores is not None:
        noisy = noisy_images(scores, args.threshold or 0.0, args.label_below or 0.0)
        write_noise_list(args.output, scores.rows(noisy))
        print(f"{args.output}: {np.count_nonzero(noisy)} images")


def _largest_in_list(path: str) -> np.ndarray:
    largest = np.fromiter((row.largest for row in read_noise_list(path)), np.float32)
    if np.any((largest < 0) | (largest > 1)):
        raise InputError(f"{path}: a largest probability is not from 0 to 1; give a noise list")
    return largest


def _parser() -> argparse.ArgumentParser:
    parser = make_parser("noise_threshold", __doc__, EXAMPLE)
    source = parser.add_mutually_exclusive_group(required=True)
    source.add_argument("--scores", help="0_noise_scores.csv")
    source.add_argument("--noise-list", help="0_noiselist.txt, made with a high threshold")
    parser.add_argument("--histogram", metavar="FILE.png", help="draw the distribution there")
    parser.add_argument("--csv", metavar="FILE", help="write the bars of the histogram there")
    parser.add_argument("--threshold", type=float, help="threshold for the list OUTPUT")
    parser.add_argument(
        "--label-below",
        type=float,
        metavar="P",
        help="also list images whose label has a probability below P",
    )
    parser.add_argument("--output", help="noise list to write")
    parser.add_argument("--overwrite", action="store_true", help="replace older files of these")
    return parser


main = main_of(_parser, _work)

if __name__ == "__main__":
    sys.exit(main())
