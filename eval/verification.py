"""Verification: how well a model tells whether two faces are one person (LFW and its like)."""

from __future__ import annotations

import argparse
import sys
import time
from collections import deque
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Callable, Sequence

import numpy as np
from tqdm import tqdm

from eval.verification_parts.folds import FAR_TARGET, evaluate
from eval.verification_parts.verification_set import VerificationSet, load_bin
from unequal.checkpoints.checkpoint import find_checkpoints
from unequal.support.errors import InputError, with_flags

__all__ = [
    "VerificationResult",
    "VerificationSet",
    "evaluate",
    "find_checkpoints",
    "load_bin",
    "main",
    "test",
]


@dataclass(frozen=True, eq=False)
class VerificationResult:
    """What `test` measures.

    `acc2`, `std2`: accuracy over the folds, mean and deviation; `xnorm`: mean length of the raw
    embeddings; `embeddings`: float64 (images, emb), image and mirror image added, of length 1;
    `val`, `val_std`, `far`: see `folds.Evaluation`; `seconds`: time spent in `embed` and in
    waiting for it; `acc1`, `std1`: always 0, as in the 2019 code.
    """

    acc2: float
    std2: float
    xnorm: float
    embeddings: np.ndarray
    val: float
    val_std: float
    far: float
    seconds: float
    acc1: float = 0.0
    std1: float = 0.0


def test(
    verification_set: VerificationSet,
    embed: Callable[[np.ndarray], np.ndarray],
    batch_size: int,
    nrof_folds: int = 10,
    progress: Callable[[int], object] | None = None,
) -> VerificationResult:
    """Verification figures of a model on a set, as the 2019 code.

    `embed` maps uint8 RGB images (batch_size, 3, height, width) to embeddings (batch_size, emb).
    It always sees that one shape: the last batch, or a set smaller than a batch, is filled up
    with copies of its last image. Each image and its mirror image are embedded, and the two added.
    Where `embed` has a method `push_with_mirror` (see OnDevices), each batch is handed over
    once, and the next one before its embeddings are waited for.
    `progress`, if given, is called with the number of images done after each batch.

    Raises InputError for a set of fewer than two pairs, or a `batch_size` below 1.
    """
    if batch_size < 1:
        raise InputError(f"a batch size of {batch_size} is not possible: give 1 or more")
    push = getattr(embed, "push_with_mirror", None) or partial(_with_mirror, embed)
    lengths = np.empty((2, len(verification_set)))
    embeddings = np.empty((0, 0))
    seconds, done = 0.0, 0
    waiting: deque[tuple[int, tuple]] = deque()

    def finish() -> None:
        nonlocal done, embeddings
        count, both = waiting.popleft()
        # float64 keeps what is computed of the embeddings as exact as in the 2019 code
        plain, mirrored = (np.asarray(rows, np.float64)[:count] for rows in both)
        lengths[:, done : done + count] = np.linalg.norm([plain, mirrored], axis=2)
        if not done:
            embeddings = np.empty((len(verification_set), plain.shape[1]))
        embeddings[done : done + count] = _normalised(plain + mirrored)
        done += count
        if progress is not None:
            progress(count)

    for images in verification_set.batches(batch_size):
        count = len(images)
        if count < batch_size:
            images = np.concatenate([images, np.repeat(images[-1:], batch_size - count, axis=0)])
        start = time.perf_counter()
        waiting.append((count, push(images)))
        if len(waiting) > 1:
            finish()
        seconds += time.perf_counter() - start
    start = time.perf_counter()
    finish()
    seconds += time.perf_counter() - start
    figures = evaluate(embeddings, verification_set.issame, nrof_folds)
    return VerificationResult(
        acc2=float(np.mean(figures.accuracy)),
        std2=float(np.std(figures.accuracy)),
        xnorm=float(np.mean(lengths)),
        embeddings=embeddings,
        val=figures.val,
        val_std=figures.val_std,
        far=figures.far,
        seconds=seconds,
    )


def _with_mirror(
    embed: Callable[[np.ndarray], np.ndarray], images: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    return embed(images), embed(np.ascontiguousarray(images[:, :, :, ::-1]))


def _normalised(embeddings: np.ndarray) -> np.ndarray:
    lengths = np.sqrt(np.einsum("ij,ij->i", embeddings, embeddings))
    lengths[lengths == 0.0] = 1.0
    return embeddings / lengths[:, None]


def find_bins(data_dir: str, targets: str) -> list[Path]:
    """The files of comma-separated `targets`: NAME means NAME.bin; all lie in `data_dir`.

    Raises InputError when none is named or one does not exist.
    """
    names = [name.strip() for name in targets.split(",") if name.strip()]
    paths = [Path(data_dir, name if name.endswith(".bin") else f"{name}.bin") for name in names]
    if not paths:
        raise InputError("--target names no verification set: give for example --target lfw")
    for path in paths:
        if not path.is_file():
            raise InputError(f"{path}: no such verification set: check --data-dir and --target")
    return paths


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command; returns its exit status: 0, 2 for wrong input, 130 after Ctrl-C."""
    options = _parser().parse_args(argv)
    try:
        return _run(options)
    except InputError as error:
        print(f"verification: {with_flags(error, _parser())}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        return 130


def _run(options: argparse.Namespace) -> int:
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
            result = _test_with_bar(verification_set, embed, options)
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
    return 0


def _test_with_bar(
    verification_set: VerificationSet,
    embed: Callable[[np.ndarray], np.ndarray],
    options: argparse.Namespace,
) -> VerificationResult:
    with tqdm(
        total=len(verification_set),
        desc=verification_set.name,
        unit="image",
        file=sys.stderr,
        leave=False,
        disable=not sys.stderr.isatty(),
    ) as bar:
        batch_size = min(options.batch_size, len(verification_set))
        return test(verification_set, embed, batch_size, options.nfolds, bar.update)


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
    parser.add_argument("--batch-size", type=_positive, default=32, help="images at a time")
    parser.add_argument("--nfolds", type=_positive, default=10, help="folds of the accuracy")
    parser.add_argument(
        "--image-size",
        type=_size,
        help="'height,width' that images must have; by default that of each set's first image",
    )
    parser.add_argument("--layer", default="fc1_output", help="output of the graph to compare")
    return parser


def _positive(text: str) -> int:
    if not text.isdigit() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"{text!r} is not a whole number of 1 or more")
    return int(text)


def _size(text: str) -> tuple[int, int]:
    parts = [_positive(part.strip()) for part in text.split(",")]
    if len(parts) > 2:
        raise argparse.ArgumentTypeError(f"{text!r} is not 'height,width'")
    return parts[0], parts[-1]


if __name__ == "__main__":
    sys.exit(main())
