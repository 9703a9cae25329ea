"""The graph that tracing a network gives is the graph that the 2019 code saved."""

from __future__ import annotations

import re

import pytest

from golden_nets import FULL, OPTIONS, build, graph_nodes
from symbols import backbone
from symbols.layers import built_for
from symbols.lineage_2019 import lineage_symbol


@pytest.mark.parametrize("name", [*FULL, *OPTIONS])
def test_backbone_graph_equals_the_2019_graph(name, golden):
    ours = lineage_symbol(build(name), "data").tojson()
    theirs = (golden / "a_nets" / f"{name}-symbol.json").read_text()
    assert graph_nodes(ours, restart=True) == graph_nodes(theirs, restart=True)


@pytest.mark.slow
def test_every_network_of_the_lineage_is_built():
    layers_of_convolution = {}
    for number in (18, 34, 49, 50, 74, 90, 100, 101, 152, 200, 269):
        with built_for("gpu"):  # the same graph, without a look at what can be compiled
            symbol = lineage_symbol(backbone(f"r{number}", 8), "data")
        _, (shape,), _ = symbol.infer_shape(data=(2, 3, 112, 112))
        assert shape == (2, 8)
        names = symbol.list_arguments()
        layers_of_convolution[number] = sum(bool(re.search(r"_conv\d_weight", n)) for n in names)
    # conv0 and pre_fc1 are the two layers that are in no unit
    for number in (18, 34, 50, 101, 152, 200, 269):
        expected = {50: 48}.get(number, number - 2)
        assert layers_of_convolution[number] == expected


@pytest.mark.parametrize("network", ["r17", "r", "x50", "", "y2", "50"])
def test_unknown_network_is_named(network):
    with pytest.raises(ValueError, match="`network`"):
        backbone(network, 128)


@pytest.mark.parametrize(
    "flag", [dict(version_input=2), dict(version_unit=4), dict(version_output="K")]
)
def test_unknown_version_is_named(flag):
    with pytest.raises(ValueError, match="`version_"):
        backbone("r18", 128, **flag)


def test_tracing_leaves_the_computing_form_alone():
    network = build("opt_actrelu")
    before = lineage_symbol(network, "data").tojson()
    assert lineage_symbol(network, "data").tojson() == before
