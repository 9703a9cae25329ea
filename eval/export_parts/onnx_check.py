"""Whether an ONNX file is sound and computes what MXNet computes."""

from __future__ import annotations

import numpy as np
import onnx
import onnxruntime

ERRORS_ONLY = 3


class NotSound(Exception):
    """An ONNX file that onnx or onnxruntime refuses, or that gives something else."""


def largest_difference(path: str, images: np.ndarray, expected: np.ndarray) -> float:
    """Largest difference of any number of the embeddings, after they are scaled to length 1.

    `images` (n, 3, height, width) are run one alone, then all n at once; `expected` (n, emb) are
    MXNet's embeddings of them. NaN where an embedding is not finite.

    Raises NotSound where onnx or onnxruntime refuses the file, or its output has another shape.
    """
    try:
        onnx.checker.check_model(path, full_check=True)
        options = onnxruntime.SessionOptions()
        options.log_severity_level = ERRORS_ONLY
        session = onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])
        (name,) = [each.name for each in session.get_inputs()]
        pixels = images.astype(np.float32)
        batches = [session.run(None, {name: pixels[:count]})[0] for count in (1, len(pixels))]
    except Exception as error:  # each of the two libraries has several kinds of its own
        raise NotSound(" ".join(str(error).split())[:300]) from error
    differences = []
    for found in batches:
        wanted = expected[: len(found)]
        if found.shape != wanted.shape:
            raise NotSound(f"it gives {found.shape} where MXNet gives {wanted.shape}")
        differences.append(np.abs(_of_length_1(found) - _of_length_1(wanted)).max())
    return float(np.max(differences))


def _of_length_1(embeddings: np.ndarray) -> np.ndarray:
    exact = embeddings.astype(np.float64)
    lengths = np.linalg.norm(exact, axis=1, keepdims=True)
    return exact / np.where(lengths == 0, 1, lengths)
