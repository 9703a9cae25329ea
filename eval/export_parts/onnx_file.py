"""A checkpoint as an ONNX file that has been compared with the checkpoint."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

import numpy as np

# isort: split
import unequal  # noqa: F401  (readies the process for mxnet, so it comes before)

# isort: split
import onnx

from eval.export_parts.new_files import check_output, replacing
from eval.export_parts.onnx_check import NotSound, largest_difference
from eval.export_parts.saved_embedding import read_embedding
from eval.export_parts.translate import onnx_model
from unequal.checkpoints.checkpoint import Checkpoint
from unequal.checkpoints.embedder import load_embedder
from unequal.support.errors import InputError

LIMIT = 1e-4


class OnnxExport(NamedTuple):
    """What was written: numbers in an embedding, and the largest difference from MXNet of any
    number of embeddings of length 1."""

    embedding: int
    difference: float


def export_onnx(
    checkpoint: Checkpoint,
    path: str,
    images: np.ndarray,
    layer: str = "fc1_output",
    overwrite: bool = False,
) -> OnnxExport:
    """Write a checkpoint's graph up to `layer` as the ONNX model `path`.

    The model is that of `translate.onnx_model`. `images`, uint8 RGB (n, 3, height,
    width) with n > 1, give the size of its input, and are what it is checked on: it is run by
    onnxruntime on one of them and on all, and the file only appears when no number of the
    embeddings, scaled to length 1, is 1e-4 or more away from MXNet's.

    Raises InputError as `read_embedding` does, and when the images do not fit the network, an
    operator has no translation, `path` exists (without `overwrite`) or cannot be written, or the
    check fails. Nothing is written then.
    """
    check_output(path, overwrite)
    saved = read_embedding(checkpoint, layer)
    embed = load_embedder(checkpoint, layer=layer)
    try:
        expected = embed(images)
    except InputError as error:
        raise InputError(f"{error} (--image-size, --check)") from error
    about = {"output_layer": layer, "checkpoint": Path(str(checkpoint)).name}
    model = onnx_model(saved, images.shape[2:], expected.shape[1], about)
    difference = float("nan")

    def write_and_check(temporary: str) -> None:
        nonlocal difference
        onnx.save(model, temporary)
        try:
            difference = largest_difference(temporary, images, expected)
        except NotSound as error:
            raise InputError(
                f"{path}: not written, for it would not run: {error}; please report this network"
            ) from error
        if not difference < LIMIT:
            raise InputError(
                f"{path}: not written, for its embeddings would differ from MXNet's by up to "
                f"{difference:.1e} where less than {LIMIT:.0e} is asked for; please report this "
                "network"
            )

    replacing(path, write_and_check)
    return OnnxExport(expected.shape[1], difference)
