"""Checkpoints: names, initial values, files, and what loading changes."""

from __future__ import annotations

import json
import subprocess
import sys

import mxnet as mx
import numpy as np
import pytest

from golden_nets import TINY
from symbols import backbone
from symbols.fresnet import resnet
from unequal.checkpoints.checkpoint import (
    Checkpoint,
    apply_parameters,
    find_checkpoints,
    one_checkpoint,
)
from unequal.method.graphs import SoftmaxGraph
from unequal.method.margin import MarginClassifier
from unequal.support.errors import InputError
from unequal.training.initial_network import initial_values


def graph(seed=0, classes=7, devices=None):
    mx.random.seed(seed)
    made = SoftmaxGraph(resnet(embedding=12, **TINY), MarginClassifier(4, classes, 12))
    made.initialize(initial_values(), ctx=devices or [mx.cpu()])
    made.infer_shape(mx.nd.zeros((2, 3, 16, 16)), mx.nd.zeros((2,)))
    for parameter in made.collect_params().values():
        parameter._finish_deferred_init()
    return made


def values(made):
    return {name: p._reduce().asnumpy() for name, p in made.collect_params().items()}


@pytest.mark.slow
def test_initial_values_of_r18_are_those_of_2019(golden):
    expected = json.loads((golden / "h_misc" / "initial_values_r18.json").read_text())
    made = SoftmaxGraph(backbone("r18", 128), MarginClassifier(4, 40, 128))
    made.initialize(initial_values())
    made.infer_shape(mx.nd.zeros((1, 3, 112, 112)), mx.nd.zeros((1,)))
    parameters = made.collect_params()
    for parameter in parameters.values():
        parameter._finish_deferred_init()
    assert set(parameters) == set(expected)
    for name, facts in expected.items():
        value = parameters[name].data().asnumpy()
        assert list(value.shape) == facts["shape"], name
        if facts["expected_std"] is None:
            assert (value == facts["mean"]).all(), name
        else:
            assert value.std() == pytest.approx(facts["expected_std"], rel=0.1), name
            assert abs(value.mean()) < 4 * value.std() / np.sqrt(value.size), name


@pytest.mark.slow
def test_round_trip(tmp_path):
    made, other = graph(0), graph(1)
    Checkpoint(str(tmp_path / "m"), 3).save(made)
    assert sorted(p.name for p in tmp_path.iterdir()) == ["m-0003.params", "m-symbol.json"]
    loaded = Checkpoint(str(tmp_path / "m"), 3).parameters()
    assert apply_parameters(other, loaded, "m,3") == []
    for name, value in values(made).items():
        np.testing.assert_array_equal(values(other)[name], value)


def test_moving_statistics_are_averaged_over_devices(tmp_path):
    made = graph(devices=[mx.cpu(0), mx.cpu(1)])
    statistics = made.collect_params()["bn0_moving_mean"]
    for device, number in zip(statistics.list_ctx(), (1.0, 3.0)):
        statistics.data(device)[:] = number
    Checkpoint(str(tmp_path / "m"), 0).save(made)
    _, _, aux = mx.model.load_checkpoint(str(tmp_path / "m"), 0)
    assert (aux["bn0_moving_mean"].asnumpy() == 2.0).all()


def test_dropped_classifier_keeps_its_initial_values(tmp_path):
    made, other = graph(0), graph(1)
    before = values(other)
    loaded = {name: mx.nd.array(value) for name, value in values(made).items()}
    apply_parameters(other, loaded, "m,0", made_anew=("fc7_weight",))
    np.testing.assert_array_equal(values(other)["fc7_weight"], before["fc7_weight"])
    np.testing.assert_array_equal(values(other)["conv0_weight"], values(made)["conv0_weight"])


def test_missing_classifier_is_reported_and_unknown_parameters_are_ignored():
    loaded = {name: mx.nd.array(value) for name, value in values(graph(0)).items()}
    del loaded["fc7_weight"]
    loaded["something_else"] = mx.nd.zeros((3,))
    assert apply_parameters(graph(1), loaded, "m,0") == ["fc7_weight"]


@pytest.mark.parametrize(
    "change,says",
    [
        (lambda p: p.pop("conv0_weight"), "another network"),
        (lambda p: p.update(fc7_weight=mx.nd.zeros((9, 12))), "9 classes"),
        (lambda p: p.update(conv0_weight=mx.nd.zeros((4, 3, 3, 3))), "conv0_weight"),
    ],
)
def test_a_checkpoint_that_does_not_fit_changes_nothing(change, says):
    loaded = {name: mx.nd.array(value) for name, value in values(graph(0)).items()}
    change(loaded)
    other = graph(1)
    before = values(other)
    with pytest.raises(InputError, match=says):
        apply_parameters(other, loaded, "m,0")
    for name, value in values(other).items():
        np.testing.assert_array_equal(value, before[name])


def test_a_failing_write_leaves_the_old_checkpoint(tmp_path, monkeypatch):
    made = graph(0)
    Checkpoint(str(tmp_path / "m"), 0).save(made)
    before = {p.name: p.read_bytes() for p in tmp_path.iterdir()}

    def fail(name, _):
        with open(name, "wb") as file:
            file.write(b"half")
        raise OSError("disk full")

    monkeypatch.setattr(mx.nd, "save", fail)
    with pytest.raises(InputError, match="m-0000.params: cannot be written"):
        Checkpoint(str(tmp_path / "m"), 0).save(graph(1))
    assert {p.name: p.read_bytes() for p in tmp_path.iterdir()} == before


@pytest.mark.parametrize("text, expected", [("a/b,3", ("a/b", 3)), ("a,b, 0012", ("a,b", 12))])
def test_a_name_is_a_prefix_and_an_epoch(text, expected):
    found = Checkpoint.parse(text)
    assert (found.prefix, found.epoch) == expected
    assert Checkpoint.parse(str(found)) == found
    assert found.paths == (f"{expected[0]}-symbol.json", f"{expected[0]}-{expected[1]:04d}.params")


@pytest.mark.parametrize("text", ["a", "a,", "a,b", ",3", ""])
def test_a_name_of_another_form_is_told(text):
    with pytest.raises(InputError, match=f"^{text}: write it as prefix,epoch"):
        Checkpoint.parse(text)


def test_names_of_checkpoints_need_no_mxnet():
    code = "import sys, unequal.checkpoints.checkpoint; sys.exit('mxnet' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code]).returncode == 0


@pytest.fixture
def models(tmp_path, monkeypatch):
    """The current folder, with checkpoints model 1 and 3 and files that are not of them."""
    for name in ("symbol.json", "0001.params", "0003.params", "00010.params", "0009.params.bak"):
        (tmp_path / f"model-{name}").touch()
    for name in ("model_t-0007", "amodel-0008"):
        (tmp_path / f"{name}.params").touch()
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.mark.parametrize("folder", ["", "{models}/"])
@pytest.mark.parametrize(
    "text, epochs", [("model,1|3", [1, 3]), ("model,3", [3]), ("model", [3, 1]), ("model, 3 ", [3])]
)
def test_a_prefix_alone_means_all_its_checkpoints_newest_first(models, folder, text, epochs):
    folder = folder.format(models=models)
    found = find_checkpoints(folder + text)
    assert found == [Checkpoint(f"{folder}model", epoch) for epoch in epochs]


def test_a_prefix_with_special_characters_is_taken_literally(models):
    for path in models.glob("model-*"):
        path.rename(path.name.replace("model", "m.del+[1],x"))
    assert [found.epoch for found in find_checkpoints("m.del+[1],x")] == [3, 1]


@pytest.mark.parametrize(
    "text, file",
    [
        ("model,2", "model-0002.params"),
        ("model,3|4", "model-0004.params"),
        ("model,x", "model,x-NNNN.params"),
        ("model_t", "model_t-symbol.json"),
        ("absent/model", "model-NNNN.params"),
    ],
)
def test_a_missing_file_is_told(models, text, file):
    with pytest.raises(InputError, match=file):
        find_checkpoints(text)


def test_one_checkpoint_is_not_several(models):
    assert one_checkpoint("model,1") == Checkpoint("model", 1)
    with pytest.raises(InputError, match="`model` model: means 2 epochs"):
        one_checkpoint("model")
