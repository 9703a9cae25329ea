"""A checkpoint as an ONNX file that has been compared with the checkpoint."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Mapping

import numpy as np

# isort: split
from unequal import __version__  # readies the process for mxnet, so it comes before

# isort: split
import onnx
import onnxruntime
from onnx import TensorProto, helper

from eval.export_parts.onnx_graph import Node, NotTranslated, OnnxGraph, Value, constant
from eval.export_parts.operators import OPSET, TRANSLATIONS
from eval.export_parts.slim import CANNOT_WRITE, SavedEmbedding, check_output, read_embedding
from unequal.checkpoints.checkpoint import DATA, Checkpoint
from unequal.checkpoints.embedder import load_embedder
from unequal.support.errors import InputError
from unequal.support.files import replace_or_refuse

LIMIT = 1e-4
OUTPUT = "fc1"
BATCH = "N"
# the version of the file format that came with opset 13: older runtimes refuse newer ones
FILE_VERSION = 7
IMAGES = {"input_layout": "NCHW", "input_colour_order": "RGB", "input_range": "0..255"}
ERRORS_ONLY = 3


def export_onnx(
    checkpoint: Checkpoint,
    path: str,
    images: np.ndarray,
    layer: str = "fc1_output",
    overwrite: bool = False,
) -> tuple[int, float]:
    """Write a checkpoint's graph up to `layer` as an ONNX model, opset 13.

    Its input is `data` (N, 3, height, width), float32 RGB pixels 0..255 as the checkpoint takes
    them, N any number. Its output is `fc1` (N, length), flattened if the layer is a map. Nodes and
    parameters keep their names.

    onnxruntime runs the model on one of the images and on all. The file only appears if every
    number of the embeddings, scaled to length 1, is less than 1e-4 away from MXNet's.

    Args:
        checkpoint: the model.
        path: the file.
        images: uint8 RGB (n, 3, height, width) with n > 1: what the model is checked on, and the
            size of its input.
        layer: the output of the graph that is the embedding.
        overwrite: whether to replace an existing file.

    Returns:
        The length of an embedding, and the largest difference that was found.

    Raises:
        InputError: as `read_embedding`; or the images do not fit the network, an operator has no
            translation, `path` exists or cannot be written, or the check fails. Nothing is
            written then.
    """
    check_output(path, overwrite)
    saved = read_embedding(checkpoint, layer)
    try:
        expected = load_embedder(checkpoint, layer=layer)(images)
    except InputError as error:
        raise InputError(f"{error} (`image_size`, `check`)") from error
    about = {"output_layer": layer, "checkpoint": Path(str(checkpoint)).name}
    height, width = images.shape[2:]
    model = _onnx_model(saved, (height, width), expected.shape[1], about)
    difference = float("nan")

    def write_and_check(temporary: str) -> None:
        nonlocal difference
        onnx.save(model, temporary)
        try:
            difference = _largest_difference(temporary, images, expected)
        except Exception as error:  # onnx and onnxruntime have several kinds of their own
            reason = " ".join(str(error).split())[:300]
            raise InputError(
                f"{path}: not written, because it would not run: {reason}; please report this "
                "network"
            ) from error
        if not difference < LIMIT:
            raise InputError(
                f"{path}: not written, because its embeddings would differ from MXNet's by up to "
                f"{difference:.1e} where less than {LIMIT:.0e} is asked for; please report this "
                "network"
            )

    replace_or_refuse(path, write_and_check, CANNOT_WRITE)
    return expected.shape[1], difference


def _onnx_model(
    saved: SavedEmbedding, image_size: tuple[int, int], embedding: int, about: Mapping[str, str]
) -> onnx.ModelProto:
    """Return the model; `about` goes into its metadata, `embedding` is the length of one."""
    graph = OnnxGraph(reserved=[DATA, OUTPUT])
    try:
        result = _translate(graph, saved)
    except NotTranslated as error:
        raise InputError(f"{saved.output.name}: cannot be written as ONNX: {error}") from error
    if result.rank != 2:
        graph.node("Flatten", [result], "flatten_embedding", 2, axis=1)
    graph.nodes[-1].output[0] = OUTPUT  # all nodes lead to the result, so it is the last one's
    images = helper.make_tensor_value_info(
        DATA, TensorProto.FLOAT, [BATCH, 3, *image_size], "aligned faces, NCHW, RGB, 0..255"
    )
    embeddings = helper.make_tensor_value_info(
        OUTPUT, TensorProto.FLOAT, [BATCH, embedding], f"output {about['output_layer']}, as it is"
    )
    model = helper.make_model(
        helper.make_graph(graph.nodes, "embedding", [images], [embeddings], graph.constants),
        opset_imports=[helper.make_opsetid("", OPSET)],
        ir_version=FILE_VERSION,
        producer_name="unequal-training",
        producer_version=__version__,
        doc_string=f"face embedding: {DATA}, float32 (N, 3, height, width), pixels 0..255 in the "
        f"order RGB, N any number -> {OUTPUT}, float32 (N, {embedding})",
    )
    helper.set_model_props(model, {**IMAGES, **about})
    return model


def _translate(graph: OnnxGraph, saved: SavedEmbedding) -> Value:
    """Add the nodes of a saved graph, whose inputs come before them; return the last value."""
    found: list[Value] = []
    for entry in json.loads(saved.output.tojson())["nodes"]:
        operator, name = entry["op"], entry["name"]
        if operator == "null":
            is_data = name == DATA
            value = Value(DATA, 4) if is_data else constant(name, saved.parameters[name].asnumpy())
            found.append(value)
            continue
        try:
            if operator not in TRANSLATIONS:
                raise NotTranslated(f"is not among {', '.join(sorted(TRANSLATIONS))}")
            if any(output for _, output, *_ in entry["inputs"]):
                raise NotTranslated("reads a second output of another operator")
            inputs = [found[number] for number, *_ in entry["inputs"]]
            node = Node(name, entry.get("attrs", {}))
            found.append(TRANSLATIONS[operator](graph, node, inputs))
        except (NotTranslated, ValueError, SyntaxError) as error:
            raise NotTranslated(f"{operator} {name} {error}") from error
    return found[-1]


def _largest_difference(path: str, images: np.ndarray, expected: np.ndarray) -> float:
    """Return the largest difference of any number of the embeddings, scaled to length 1.

    The file runs on one image alone, then on all at once. NaN if an embedding is not finite.

    Raises:
        Exception: onnx or onnxruntime refuses the file, or its output has another shape.
    """
    onnx.checker.check_model(path, full_check=True)
    options = onnxruntime.SessionOptions()
    options.log_severity_level = ERRORS_ONLY
    session = onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])
    (name,) = [each.name for each in session.get_inputs()]
    differences = []
    for count in (1, len(images)):
        (found,) = session.run(None, {name: images[:count].astype(np.float32)})
        wanted = expected[:count]
        if found.shape != wanted.shape:
            raise ValueError(f"it gives {found.shape} where MXNet gives {wanted.shape}")
        differences.append(np.abs(_of_length_1(found) - _of_length_1(wanted)).max())
    return float(np.max(differences))


def _of_length_1(embeddings: np.ndarray) -> np.ndarray:
    exact = embeddings.astype(np.float64)
    lengths = np.linalg.norm(exact, axis=1, keepdims=True)
    return exact / np.where(lengths == 0, 1, lengths)
