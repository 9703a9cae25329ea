"""A checkpoint as an ONNX file that has been compared with the checkpoint."""

from __future__ import annotations

from pathlib import Path
from typing import Mapping, NamedTuple

import numpy as np

# isort: split
from unequal import __version__  # readies the process for mxnet, so it comes before

# isort: split
import onnx
import onnxruntime
from onnx import TensorProto, helper

from eval.export_parts.onnx_graph import NotTranslated, OnnxGraph, Value, nodes_of
from eval.export_parts.operators import OPSET, TRANSLATIONS, Input, Parameter, value_of
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


class OnnxExport(NamedTuple):
    """What was written.

    Attributes:
        embedding: the length of an embedding.
        difference: the largest difference from MXNet of any number of embeddings of length 1.
    """

    embedding: int
    difference: float


def export_onnx(
    checkpoint: Checkpoint,
    path: str,
    images: np.ndarray,
    layer: str = "fc1_output",
    overwrite: bool = False,
) -> OnnxExport:
    """Write a checkpoint's graph up to `layer` as an ONNX model; see `onnx_model`.

    onnxruntime runs the model on one of the images and on all. The file only appears if every
    number of the embeddings, scaled to length 1, is less than 1e-4 away from MXNet's.

    Args:
        checkpoint: the model.
        path: the file.
        images: uint8 RGB (n, 3, height, width) with n > 1: what the model is checked on, and the
            size of its input.
        layer: the output of the graph that is the embedding.
        overwrite: whether to replace an existing file.

    Raises:
        InputError: as `read_embedding`; or the images do not fit the network, an operator has no
            translation, `path` exists or cannot be written, or the check fails. Nothing is
            written then.
    """
    check_output(path, overwrite)
    saved = read_embedding(checkpoint, layer)
    embed = load_embedder(checkpoint, layer=layer)
    try:
        expected = embed(images)
    except InputError as error:
        raise InputError(f"{error} (`image_size`, `check`)") from error
    about = {"output_layer": layer, "checkpoint": Path(str(checkpoint)).name}
    height, width = images.shape[2:]
    model = onnx_model(saved, (height, width), expected.shape[1], about)
    difference = float("nan")

    def write_and_check(temporary: str) -> None:
        nonlocal difference
        onnx.save(model, temporary)
        try:
            difference = _largest_difference(temporary, images, expected)
        except _NotSound as error:
            raise InputError(
                f"{path}: not written, because it would not run: {error}; please report this "
                "network"
            ) from error
        if not difference < LIMIT:
            raise InputError(
                f"{path}: not written, because its embeddings would differ from MXNet's by up to "
                f"{difference:.1e} where less than {LIMIT:.0e} is asked for; please report this "
                "network"
            )

    replace_or_refuse(path, write_and_check, CANNOT_WRITE)
    return OnnxExport(expected.shape[1], difference)


def onnx_model(
    saved: SavedEmbedding, image_size: tuple[int, int], embedding: int, about: Mapping[str, str]
) -> onnx.ModelProto:
    """Return an ONNX model, opset 13, of a saved graph and its parameters.

    Its input is `data` (N, 3, height, width), float32 RGB pixels 0..255 as the checkpoint takes
    them, N any number. Its output is `fc1` (N, `embedding`), flattened if the layer is a map.
    Nodes and parameters keep their names.

    Args:
        saved: graph and parameters.
        image_size: height and width.
        embedding: the length of an embedding.
        about: what goes into the metadata, beside layout, colour order and range of the input.

    Raises:
        InputError: an operator has no translation; the message names the node.
    """
    graph = OnnxGraph(reserved=[DATA, OUTPUT])
    try:
        result = _translate(graph, saved)
    except NotTranslated as error:
        raise InputError(f"{saved.output.name}: cannot be written as ONNX: {error}") from error
    if result.rank == 2 and result.name != DATA:
        graph.rename(result, OUTPUT)
    else:
        flat = graph.node("Flatten", [result], "flatten_embedding", 2, axis=1)
        graph.rename(flat, OUTPUT)
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
    nodes, (last, last_output) = nodes_of(saved.output)
    parameters = {**saved.arguments, **saved.auxiliary}
    found: dict[int, Input] = {}
    for node in nodes:
        if node.operator == "null":
            if node.name == DATA:
                found[node.number] = Value(DATA, 4)
            else:
                found[node.number] = Parameter(node.name, parameters[node.name].asnumpy())
            continue
        translation = TRANSLATIONS.get(node.operator)
        try:
            if translation is None:
                raise NotTranslated(f"is not among {', '.join(sorted(TRANSLATIONS))}")
            if any(output for _, output in node.inputs):
                raise NotTranslated("reads a second output of another operator")
            inputs = [found[number] for number, _ in node.inputs]
            found[node.number] = translation(graph, node, inputs)
        except (NotTranslated, ValueError, SyntaxError) as error:
            raise NotTranslated(f"{node.operator} {node.name} {error}") from error
    if last_output:
        raise NotTranslated("it is a second output of an operator")
    return value_of(graph, found[last])


class _NotSound(Exception):
    """An ONNX file that onnx or onnxruntime refuses, or that gives something else."""


def _largest_difference(path: str, images: np.ndarray, expected: np.ndarray) -> float:
    """Return the largest difference of any number of the embeddings, scaled to length 1.

    The file runs on one image alone, then on all at once. NaN if an embedding is not finite.

    Raises:
        _NotSound: onnx or onnxruntime refuses the file, or its output has another shape.
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
        raise _NotSound(" ".join(str(error).split())[:300]) from error
    differences = []
    for found in batches:
        wanted = expected[: len(found)]
        if found.shape != wanted.shape:
            raise _NotSound(f"it gives {found.shape} where MXNet gives {wanted.shape}")
        differences.append(np.abs(_of_length_1(found) - _of_length_1(wanted)).max())
    return float(np.max(differences))


def _of_length_1(embeddings: np.ndarray) -> np.ndarray:
    exact = embeddings.astype(np.float64)
    lengths = np.linalg.norm(exact, axis=1, keepdims=True)
    return exact / np.where(lengths == 0, 1, lengths)
