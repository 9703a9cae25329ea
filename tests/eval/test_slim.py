"""Slim checkpoints: what is in them, what reads them, and what is refused."""

from __future__ import annotations

import json
import os
import shutil
from pathlib import Path

import mxnet as mx
import numpy as np
import pytest

from eval import export
from eval.export_parts.slim import export_slim
from eval.verification_parts.verification_set import load_bin
from golden_nets import graph_nodes
from saved_checkpoints import with_classifier
from unequal.checkpoints.checkpoint import Checkpoint
from unequal.checkpoints.embedder import load_embedder
from unequal.support.errors import InputError

TRAINING_GRAPHS = [
    f"{step}_r18_loss{loss}" for step in ("softmax", "savemodel", "NR", "stage2") for loss in (0, 4)
]


@pytest.fixture
def narrow(golden) -> str:
    """A bare network of the 2019 code for images of 32x32 pixels."""
    return str(golden / "a_nets" / "r18narrow32_emb32")


@pytest.fixture
def trained(narrow, tmp_path_factory) -> str:
    """The same with a classifier and a loss, epoch 12."""
    return with_classifier(narrow, tmp_path_factory.mktemp("trained") / "model", 12)


@pytest.fixture
def saved_model(golden) -> str:
    """A checkpoint that the 2019 code wrote in step 2.1.

    Only looked at: on its images of 16 pixels maps shrink to 1x1, where MXNet 1.9.1's oneDNN
    BatchNorm takes down a later one of as many channels in the same process.
    """
    return str(golden / "h_misc" / "mining" / "model_t")


@pytest.fixture
def faces() -> np.ndarray:
    return np.random.randint(0, 256, (2, 3, 32, 32), np.uint8)


def run_module(symbol, arguments, auxiliary, images) -> np.ndarray:
    module = mx.mod.Module(symbol, label_names=None)
    module.bind([("data", images.shape)], for_training=False)
    module.set_params(arguments, auxiliary)
    module.forward(mx.io.DataBatch([mx.nd.array(images, dtype="float32")]), is_train=False)
    return module.get_outputs()[0].asnumpy()


def test_embeddings_are_the_same_bit_for_bit(trained, faces, tmp_path):
    export_slim(Checkpoint(trained, 12), str(tmp_path / "slim"))
    slim = load_embedder(Checkpoint(str(tmp_path / "slim"), 0))
    np.testing.assert_array_equal(slim(faces), load_embedder(Checkpoint(trained, 12))(faces))


def test_module_code_loads_it_and_computes_the_same_bit_for_bit(narrow, trained, faces, tmp_path):
    export_slim(Checkpoint(trained, 12), str(tmp_path / "slim"))
    slim = mx.model.load_checkpoint(str(tmp_path / "slim"), 0)
    assert slim[0].list_outputs() == ["fc1_output"]
    expected = run_module(*mx.model.load_checkpoint(narrow, 0), faces)
    np.testing.assert_array_equal(run_module(*slim, faces), expected)


def test_parameters_keep_names_kinds_values_and_types(saved_model, tmp_path):
    before = mx.nd.load(f"{saved_model}-0000.params")
    before = {
        key: value.astype("float16") if "conv0" in key else value for key, value in before.items()
    }
    shutil.copy(f"{saved_model}-symbol.json", tmp_path / "model-symbol.json")
    mx.nd.save(str(tmp_path / "model-0007.params"), before)
    slim = export_slim(Checkpoint(str(tmp_path / "model"), 7), str(tmp_path / "slim"))
    after = mx.nd.load(str(tmp_path / "slim-0000.params"))
    assert slim.left_out == ["fc7_weight"]
    assert set(before) - set(after) == {"arg:fc7_weight"} and set(after) < set(before)
    for key, value in after.items():
        assert value.dtype == before[key].dtype
        np.testing.assert_array_equal(value.asnumpy(), before[key].asnumpy())


@pytest.mark.parametrize("name", TRAINING_GRAPHS)
def test_the_graph_is_that_of_the_bare_2019_network(name, golden, tmp_path):
    source = golden / "h_misc" / "symbols" / f"{name}-symbol.json"
    shutil.copy(source, tmp_path / "model-symbol.json")
    symbol = mx.sym.load(str(source))
    names = symbol.list_arguments() + symbol.list_auxiliary_states()
    mx.nd.save(str(tmp_path / "model-0001.params"), {name: mx.nd.zeros((1,)) for name in names})
    export_slim(Checkpoint(str(tmp_path / "model"), 1), str(tmp_path / "slim"))
    slim = (tmp_path / "slim-symbol.json").read_text()
    bare = (golden / "a_nets" / "r18_emb512-symbol.json").read_text()
    assert graph_nodes(slim, restart=True) == graph_nodes(bare, restart=True)
    assert sorted(key[:4] for key in mx.nd.load(str(tmp_path / "slim-0000.params"))) == sorted(
        ["arg:"] * (len(mx.sym.load_json(slim).list_arguments()) - 1)
        + ["aux:"] * len(mx.sym.load_json(slim).list_auxiliary_states())
    )


def test_another_layer(trained, faces, tmp_path):
    export_slim(Checkpoint(trained, 12), str(tmp_path / "slim"), layer="bn1_output")
    found = load_embedder(Checkpoint(str(tmp_path / "slim"), 0), layer="bn1_output")(faces)
    expected = load_embedder(Checkpoint(trained, 12), layer="bn1_output")(faces)
    np.testing.assert_array_equal(found, expected)
    graph = json.loads((tmp_path / "slim-symbol.json").read_text())
    assert graph["nodes"][-1]["name"] == "bn1"


def test_the_command_tells_what_it_kept(saved_model, tmp_path, capsys):
    output = str(tmp_path / "slim")
    assert export.main(["slim", "--model", f"{saved_model},0", "--output", output]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0] == f"{output}-symbol.json: the graph up to fc1_output"
    parameters = len(mx.nd.load(f"{saved_model}-0000.params")) - 1
    assert lines[1].startswith(f"{output}-0000.params: {parameters} parameters, ")
    assert lines[1].endswith("1 left out: fc7_weight")


def test_existing_files_stay_unless_told(saved_model, tmp_path):
    output = str(tmp_path / "slim")
    (tmp_path / "slim-symbol.json").write_text("mine")
    with pytest.raises(InputError, match=r"slim-symbol\.json: exists; .*`overwrite`"):
        export_slim(Checkpoint(saved_model, 0), output)
    assert os.listdir(tmp_path) == ["slim-symbol.json"]
    assert (tmp_path / "slim-symbol.json").read_text() == "mine"
    export_slim(Checkpoint(saved_model, 0), output, overwrite=True)
    assert mx.sym.load(f"{output}-symbol.json").list_outputs() == ["fc1_output"]


def test_the_checkpoint_itself_is_never_replaced(saved_model, tmp_path):
    for part in ("-symbol.json", "-0000.params"):
        shutil.copy(saved_model + part, tmp_path / f"model{part}")
    shutil.copy(f"{saved_model}-0000.params", tmp_path / "model-0005.params")
    before = (tmp_path / "model-symbol.json").read_bytes()
    prefix = str(tmp_path / "model")
    for epoch in (0, 5):
        with pytest.raises(InputError, match=r"model-symbol\.json: is a file of the checkpoint"):
            export_slim(Checkpoint(prefix, epoch), prefix, overwrite=True)
    assert (tmp_path / "model-symbol.json").read_bytes() == before


def test_neither_file_appears_when_one_cannot_be_written(saved_model, tmp_path):
    (tmp_path / "slim-0000.params").mkdir()
    with pytest.raises(InputError, match=r"slim-0000\.params: is a folder"):
        export_slim(Checkpoint(saved_model, 0), str(tmp_path / "slim"), overwrite=True)
    with pytest.raises(InputError, match=r"there is no folder .*absent; make it"):
        export_slim(Checkpoint(saved_model, 0), str(tmp_path / "absent" / "slim"))
    assert os.listdir(tmp_path) == ["slim-0000.params"]


def test_a_full_disk_leaves_nothing(saved_model, tmp_path, monkeypatch):
    def fail(name, values):
        raise mx.MXNetError("no room")

    monkeypatch.setattr(mx.nd, "save", fail)
    with pytest.raises(InputError, match=r"slim-0000\.params: cannot be written"):
        export_slim(Checkpoint(saved_model, 0), str(tmp_path / "slim"))
    assert os.listdir(tmp_path) == []


@pytest.mark.parametrize(
    "layer, told",
    [
        ("fc9_output", r"model_t-symbol\.json: has no output fc9_output; .*`layer`"),
        ("softmax_label", r"model_t-symbol\.json: has no output softmax_label"),
        ("one_hot0_output", r"model_t-symbol\.json: one_hot0_output does not depend on .*'data'"),
    ],
)
def test_a_layer_that_is_no_embedding_is_told(saved_model, tmp_path, layer, told):
    with pytest.raises(InputError, match=told) as caught:
        export_slim(Checkpoint(saved_model, 0), str(tmp_path / "slim"), layer=layer)
    assert "\n" not in str(caught.value) and os.listdir(tmp_path) == []


def test_a_layer_that_needs_labels_is_told(saved_model, tmp_path):
    losses = mx.sym.load(f"{saved_model}-symbol.json").list_outputs()
    with pytest.raises(InputError, match=r"0000\.params: lacks softmax_label, .*`layer`"):
        export_slim(Checkpoint(saved_model, 0), str(tmp_path / "slim"), layer=losses[-1])


def test_wrong_commands_end_with_status_2(saved_model, tmp_path, capsys):
    output = ["--output", str(tmp_path / "slim")]
    assert export.main(["slim", "--model", f"{saved_model},7", *output]) == 2
    line = capsys.readouterr().err
    assert line.startswith("export: ") and "model_t-0007.params: no such file" in line
    assert export.main(["slim", "--model", f"{saved_model},0|0", *output]) == 2
    assert "means 2 epochs; write it as prefix,epoch" in capsys.readouterr().err
    for arguments in ([], ["slim"], ["thin", "--model", saved_model, *output]):
        with pytest.raises(SystemExit) as ended:
            export.main(arguments)
        assert ended.value.code == 2
    assert os.listdir(tmp_path) == []


def test_official_y1_of_mxnet_1_0(shared, tmp_path):
    prefix = str(shared / "real" / "y1" / "model")
    slim = export_slim(Checkpoint(prefix, 0), str(tmp_path / "y1"))
    assert slim.left_out == []
    faces = next(load_bin(shared / "real" / "lfw_600.bin").batches(6))
    found = load_embedder(Checkpoint(str(tmp_path / "y1"), 0))(faces)
    np.testing.assert_array_equal(found, load_embedder(Checkpoint(prefix, 0))(faces))
    after = (tmp_path / "y1-symbol.json").read_text()
    assert graph_nodes(after) == graph_nodes(Path(f"{prefix}-symbol.json").read_text())
