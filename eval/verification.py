"""Verification: how well a model tells whether two faces are one person (LFW and its like)."""

from __future__ import annotations

import argparse
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Callable, Generator, Sequence

import numpy as np

from eval.flag_types import image_size, positive, progress_bar
from eval.verification_parts.folds import FAR_TARGET, FoldFigures, evaluate
from eval.verification_parts.verification_set import VerificationSet, load_bin
from unequal.checkpoints.checkpoint import find_checkpoints
from unequal.support.command_line import run
from unequal.support.errors import InputError
from unequal.support.pipelining import mirror_pusher, one_behind


@dataclass(frozen=True, eq=False)
class VerificationResult(FoldFigures):
    """What `test` measures."""

    acc2: float  # the accuracy, mean over the folds
    std2: float  # its deviation
    xnorm: float  # the mean length of the raw embeddings
    embeddings: np.ndarray  # float64 (images, emb), image and mirror image added, of length 1
    seconds: float  # the time spent in `embed` and in waiting for it


def test(
    verification_set: VerificationSet,
    embed: Callable[[np.ndarray], np.ndarray],
    batch_size: int,
    nrof_folds: int = 10,
    progress: Callable[[int], object] = lambda count: None,
) -> VerificationResult:
    """Test a model on a set, as the 2019 code.

    Each image and its mirror image are embedded, and the two embeddings added. The model always
    sees batches of one size: the last batch, or a set that is smaller than a batch, is filled up
    with copies of its last image.

    Args:
        verification_set: the pairs.
        embed: maps uint8 RGB images (batch_size, 3, height, width) to embeddings
            (batch_size, emb). If it has a method `push_with_mirror` (see `OnDevices`), each batch
            is uploaded once, and the next one before the embeddings are waited for.
        batch_size: images at a time.
        nrof_folds: folds of the accuracy.
        progress: called with the number of images after each batch.

    Raises:
        InputError: the set has fewer than two pairs, or `batch_size` is below 1.
    """
    if batch_size < 1:
        raise InputError(f"a batch size of {batch_size} is not possible: give 1 or more")
    push = mirror_pusher(embed)
    lengths, sums = [], []
    seconds = 0.0

    def pushed() -> Generator[tuple[int, tuple], None, None]:
        nonlocal seconds
        for images in verification_set.batches(batch_size):
            count = len(images)
            if count < batch_size:
                copies = np.repeat(images[-1:], batch_size - count, axis=0)
                images = np.concatenate([images, copies])
            start = time.perf_counter()
            both = push(images)
            seconds += time.perf_counter() - start
            yield count, both

    for count, both in one_behind(pushed()):
        start = time.perf_counter()
        # float64 keeps what is computed of the embeddings as exact as in the 2019 code
        plain, mirrored = (np.asarray(rows, np.float64)[:count] for rows in both)
        seconds += time.perf_counter() - start
        lengths.append(np.linalg.norm([plain, mirrored], axis=2))
        sums.append(_normalised(plain + mirrored))
        progress(count)
    embeddings = np.concatenate(sums)
    figures = evaluate(embeddings, verification_set.issame, nrof_folds)
    return VerificationResult(
        **vars(figures),
        acc2=float(np.mean(figures.accuracy)),
        std2=float(np.std(figures.accuracy)),
        xnorm=float(np.mean(np.concatenate(lengths, axis=1))),
        embeddings=embeddings,
        seconds=seconds,
    )


def _normalised(embeddings: np.ndarray) -> np.ndarray:
    lengths = np.sqrt(np.einsum("ij,ij->i", embeddings, embeddings))
    lengths[lengths == 0.0] = 1.0
    return embeddings / lengths[:, None]


def find_bins(data_dir: str, targets: str) -> list[Path]:
    """Return the files of comma-separated `targets` in `data_dir`; NAME means NAME.bin.

    Raises:
        InputError: none is named, or one does not exist.
    """
    names = [name.strip() for name in targets.split(",") if name.strip()]
    paths = [Path(data_dir, name if name.endswith(".bin") else f"{name}.bin") for name in names]
    if not paths:
        raise InputError("`target` names no verification set: give for example `target` lfw")
    for path in paths:
        if not path.is_file():
            raise InputError(f"{path}: no such verification set: check `data_dir` and `target`")
    return paths


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command and return its exit status (see `unequal.support.command_line.run`)."""
    return run(_parser(), _run, argv, "verification: ", "interrupted")


def _run(options: argparse.Namespace) -> None:
    checkpoints = find_checkpoints(options.model)
    bins = find_bins(options.data_dir, options.target)
    sets = [load_bin(path, options.image_size) for path in bins]

    # MXNet takes seconds to load, so it comes after the cheap checks
    from unequal.checkpoints.embedder import load_embedder
    from unequal.support.devices import usable_devices

    device = usable_devices()[0]
    best = dict.fromkeys(range(len(sets)), 0.0)
    several = len(checkpoints) > 1
    for checkpoint in checkpoints:
        embed = load_embedder(checkpoint, device, options.layer)
        for index, verification_set in enumerate(sets):
            count = len(verification_set)
            with progress_bar(count, "image", desc=verification_set.name) as bar:
                batch_size = min(options.batch_size, count)
                result = test(verification_set, embed, batch_size, options.nfolds, bar.update)
            tag = f"[{verification_set.name}]" + (f"[{checkpoint.epoch}]" if several else "")
            print(f"{tag}XNorm: {result.xnorm:f}")
            print(f"{tag}Accuracy-Flip: {result.acc2:1.5f}+-{result.std2:1.5f}")
            print(
                f"{tag}TAR: {result.val:1.5f}+-{result.val_std:1.5f} "
                f"@ FAR={result.far:1.5f} (target {FAR_TARGET})",
                flush=True,
            )
            best[index] = max(best[index], result.acc2)
    if several:
        for index, verification_set in enumerate(sets):
            print(f"Max of [{verification_set.name}] is {best[index]:1.5f}")


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m eval.verification",
        description="Verification accuracy of a checkpoint on InsightFace .bin sets.",
    )
    parser.add_argument(
        "--model",
        required=True,
        help="'prefix,epoch', 'prefix,1|3', or 'prefix' for every prefix-NNNN.params",
    )
    parser.add_argument("--data-dir", default="", help="folder of the .bin files")
    parser.add_argument(
        "--target", default="lfw,cfp_fp,agedb_30", help="names of sets, NAME or FILE.bin"
    )
    parser.add_argument("--batch-size", type=positive, default=32, help="images at a time")
    parser.add_argument("--nfolds", type=positive, default=10, help="folds of the accuracy")
    parser.add_argument(
        "--image-size",
        type=image_size,
        help="'height,width' that images must have; by default that of each set's first image",
    )
    parser.add_argument("--layer", default="fc1_output", help="output of the graph to compare")
    return parser


if __name__ == "__main__":
    sys.exit(main())
