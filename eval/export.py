"""Exports a checkpoint for use: as a slim checkpoint, or as an ONNX model.

slim   PREFIX-symbol.json and PREFIX-0000.params that hold the embedding only: no classifier, no
       loss, no labels. Every program that loads checkpoints of the lineage takes it
onnx   one file for onnxruntime and its like. Input `data` (N, 3, height, width), float32 pixels
       0..255, RGB, N any number; output `fc1` (N, embedding). Checked before it appears
"""

from __future__ import annotations

import argparse
import os
import sys
from contextlib import closing
from typing import Sequence

import numpy as np

from eval.embed_parts.face_sources import face_batches, open_faces
from eval.flag_types import image_size
from unequal.checkpoints.checkpoint import Checkpoint, one_checkpoint
from unequal.support.command_line import run
from unequal.support.errors import InputError

EXAMPLE = """\
examples:
  python -m eval.export slim --model models/model,12 --output deploy/model
  python -m eval.export onnx --model models/model,12 --output deploy/model.onnx --check data/lfw.bin
"""
USUAL_SIZE = (112, 112)
COUNT = 8  # images to check on
SEED = 2019


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command and return its exit status (see `unequal.support.command_line.run`)."""
    return run(_parser(), lambda options: options.run(options), argv, "export: ", "interrupted")


def _slim(options: argparse.Namespace) -> None:
    checkpoint = one_checkpoint(options.model)
    # MXNet takes seconds to load, so it comes after the cheap checks
    from eval.export_parts.slim import EPOCH, export_slim

    slim = export_slim(checkpoint, options.output, options.layer, options.overwrite)
    symbol_path, params_path = Checkpoint(options.output, EPOCH).paths
    size = os.path.getsize(params_path) / 1e6
    left_out = ", ".join(slim.left_out[:3]) + (", ..." if len(slim.left_out) > 3 else "")
    print(f"{symbol_path}: the graph up to {options.layer}")
    print(
        f"{params_path}: {len(slim.parameters)} parameters, {size:.1f} MB; "
        f"{len(slim.left_out)} left out{': ' + left_out if left_out else ''}"
    )


def _onnx(options: argparse.Namespace) -> None:
    checkpoint = one_checkpoint(options.model)
    _require_onnx()
    if options.check:
        images, kind = faces_of(options.check), f"images of {options.check}"
        if options.image_size not in (None, images.shape[2:]):
            height, width = images.shape[2:]
            raise InputError(
                f"`image_size` {options.image_size[0]},{options.image_size[1]}: the images of "
                f"{options.check} are {height}x{width} pixels; leave it out, or give others"
            )
    else:
        images, kind = random_images(options.image_size or USUAL_SIZE), "random images"
    from eval.export_parts.onnx_file import export_onnx
    from eval.export_parts.operators import OPSET

    embedding, difference = export_onnx(
        checkpoint, options.output, images, options.layer, options.overwrite
    )
    height, width = images.shape[2:]
    print(
        f"{options.output}: {os.path.getsize(options.output) / 1e6:.1f} MB, opset {OPSET}, input "
        f"data (N, 3, {height}, {width}) RGB 0..255, output fc1 (N, {embedding})"
    )
    print(
        f"largest difference from MXNet, embeddings of length 1: {difference:.1e} "
        f"({len(images)} {kind}, in batches of 1 and {len(images)})"
    )


def random_images(image_size: tuple[int, int], count: int = COUNT) -> np.ndarray:
    """Return uint8 (count, 3, height, width), the same in every run."""
    shape = (count, 3, *image_size)
    return np.random.RandomState(SEED).randint(0, 256, shape, np.uint8)


def faces_of(path: str, count: int = COUNT) -> np.ndarray:
    """Return the first images of what `open_faces` opens: uint8 (n, 3, height, width), RGB.

    Images that cannot be decoded are left out. n is 2 to `count`: a single image is given twice.

    Raises:
        InputError: as `open_faces`; or none can be decoded, or they are not of one size.
    """
    with closing(open_faces(path)) as source:
        with closing(face_batches(source, 0, min(count, source.count))) as batches:
            first = next(batches)
    images = first.images[first.readable]
    if not len(images):
        raise InputError(f"{path}: its first {len(first.images)} images cannot be decoded")
    return np.repeat(images, 2, axis=0) if len(images) == 1 else images


def _require_onnx() -> None:
    try:
        import onnx  # noqa: F401
        import onnxruntime  # noqa: F401
    except ImportError as error:
        raise InputError(
            f"onnx: needs packages that are not installed ({error}): "
            "pip install 'unequal-training[onnx]'"
        ) from error


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m eval.export",
        description=__doc__,
        epilog=EXAMPLE,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    commands = parser.add_subparsers(dest="command", required=True, metavar="slim|onnx")
    slim = commands.add_parser("slim", help="write a checkpoint of the embedding only")
    slim.set_defaults(run=_slim)
    onnx = commands.add_parser("onnx", help="write an ONNX model")
    onnx.set_defaults(run=_onnx)
    for command, output in ((slim, "prefix of the new checkpoint, epoch 0"), (onnx, "file")):
        command.add_argument("--model", required=True, help="checkpoint: 'prefix,epoch'")
        command.add_argument("--output", required=True, help=output)
        command.add_argument(
            "--layer",
            default="fc1_output",
            help="output of the graph that is the embedding (default: fc1_output; heads A, D and "
            "Z of a training checkpoint: blockgrad0_output)",
        )
        command.add_argument("--overwrite", action="store_true", help="replace what is there")
    onnx.add_argument(
        "--check",
        default="",
        help="faces to check on: a .bin, the folder of a record set, or a folder of images "
        "(default: random images)",
    )
    onnx.add_argument(
        "--image-size",
        type=image_size,
        help="'height,width' of the faces that the network was trained on (default: that of "
        "--check's, else 112,112)",
    )
    return parser


if __name__ == "__main__":
    sys.exit(main())
