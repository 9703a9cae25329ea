"""What a script would save is the training graph of the 2019 script, node for node."""

from __future__ import annotations

import json

import pytest

from golden_nets import graph_nodes
from symbols import backbone
from symbols.lineage_2019 import lineage_symbol
from unequal.method.graphs import NoiseResistanceGraph, SoftmaxGraph, UnequalGraph
from unequal.method.interclass import InterclassLoss
from unequal.method.margin import MarginClassifier
from unequal.method.noise_resistance import NoiseResistanceLoss


def graph_of(script, network, loss_type):
    body = backbone(network, 512)
    classifier = MarginClassifier(loss_type, 40, 512, normalised_input=script == "stage2")
    if script == "softmax":
        return SoftmaxGraph(body, classifier)
    if script == "stage2":
        return UnequalGraph(
            body,
            classifier,
            NoiseResistanceLoss(40, 0.9, (45,)),
            InterclassLoss(512, 30, 3, 0.01),
            90,
            90,
        )
    return NoiseResistanceGraph(body, classifier, NoiseResistanceLoss(40, 1, (20, 2)))


@pytest.mark.parametrize(
    "name",
    [
        "softmax_r18_loss0",
        "softmax_r18_loss4",
        "softmax_y1_loss4",
        "savemodel_r18_loss0",
        "savemodel_r18_loss4",
        "savemodel_y1_loss4",
        "NR_r18_loss0",
        "NR_r18_loss4",
        "NR_y1_loss4",
        "stage2_r18_loss0",
        "stage2_r18_loss4",
    ],
)
def test_training_graph_equals_the_2019_graph(name, golden):
    script, network, loss = name.split("_")
    ours = lineage_symbol(graph_of(script, network, int(loss[4:])), "data", "softmax_label")
    theirs = (golden / "h_misc" / "symbols" / f"{name}-symbol.json").read_text()
    assert graph_nodes(ours.tojson()) == graph_nodes(theirs)


def test_parameters_of_r50_are_those_of_the_2019_script(golden):
    listed = json.loads((golden / "h_misc" / "script_symbols.json").read_text())
    for script in ("softmax", "NR", "stage2"):
        expected = listed[f"{script}_r50_loss4"]
        rows = expected["batch"]
        symbol = lineage_symbol(graph_of(script, "r50", 4), "data", "softmax_label")
        shapes = dict(data=(rows, 3, 112, 112), softmax_label=(rows,))
        arguments, outputs, aux = symbol.infer_shape(**shapes)
        named = dict(zip(symbol.list_arguments(), map(list, arguments)))
        assert named == {k: v for k, v in dict(expected["arguments"]).items()}
        assert dict(zip(symbol.list_auxiliary_states(), map(list, aux))) == dict(expected["aux"])
        assert [[n, list(s)] for n, s in zip(symbol.list_outputs(), outputs)] == expected["outputs"]
