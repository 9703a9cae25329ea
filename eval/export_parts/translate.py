"""The saved graph of an embedding as an ONNX model."""

from __future__ import annotations

from typing import Mapping

import onnx
from onnx import TensorProto, helper

from eval.export_parts.graph_nodes import NotTranslated, nodes_of
from eval.export_parts.onnx_graph import OnnxGraph, Value
from eval.export_parts.operators import OPSET, TRANSLATIONS, Input, Parameter, value_of
from eval.export_parts.saved_embedding import SavedEmbedding
from unequal import __version__
from unequal.checkpoints.checkpoint import DATA
from unequal.support.errors import InputError

OUTPUT = "fc1"
BATCH = "N"
# the version of the file format that came with opset 13: older runtimes refuse newer ones
FILE_VERSION = 7
IMAGES = {"input_layout": "NCHW", "input_colour_order": "RGB", "input_range": "0..255"}


def onnx_model(
    saved: SavedEmbedding, image_size: tuple[int, int], embedding: int, about: Mapping[str, str]
) -> onnx.ModelProto:
    """An ONNX model, opset 13, of the graph and parameters of `saved`.

    Its input is `data` (N, 3, height, width), float32 RGB pixels 0..255 as the checkpoint takes
    them, N any number; its output `fc1` (N, `embedding`), flattened where the layer is a map.
    Nodes and parameters keep their names. `about` goes into the metadata, beside layout, colour
    order and range of the input.

    Raises InputError, naming the node, for an operator that has no translation.
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
