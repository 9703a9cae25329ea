"""ONNX models of whole networks: the 2019 embeddings, real faces, and what is refused."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import mxnet as mx
import numpy as np
import pytest

from eval import export
from golden_nets import OPTIONS
from saved_checkpoints import golden_checkpoint, golden_images, of_length_1, with_classifier
from unequal.checkpoints.checkpoint import Checkpoint

onnx = pytest.importorskip("onnx")
onnxruntime = pytest.importorskip("onnxruntime")

NARROW = "r18narrow32_emb32"


@pytest.fixture
def narrow(golden) -> str:
    """A checkpoint of the 2019 code for images of 32x32 pixels."""
    return str(golden / "a_nets" / NARROW)


@pytest.fixture
def command(narrow, tmp_path, capsys):
    """Run the command on `narrow`; gives its status, and its lines on stdout and stderr."""

    def run(*arguments, model=None):
        model = model or f"{narrow},0"
        arguments = ["onnx", "--model", model, "--output", str(tmp_path / "m.onnx"), *arguments]
        status = export.main([str(argument) for argument in arguments])
        printed = capsys.readouterr()
        lines = [line for line in printed.err.splitlines() if line.startswith("export: ")]
        return status, printed.out.splitlines(), lines

    return run


def export_onnx(*arguments, **keywords):
    from eval.export_parts.onnx_file import export_onnx

    return export_onnx(*arguments, **keywords)


def run_onnx(path: Path, images: np.ndarray) -> np.ndarray:
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    session = onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
    return session.run(["fc1"], {"data": images.astype(np.float32)})[0]


def refusal(result, *parts: str) -> None:
    status, out, err = result
    assert status == 2 and out == [] and len(err) == 1
    for part in parts:
        assert part in err[0]


@pytest.mark.parametrize("name", OPTIONS)
def test_2019_embeddings_of_every_variant_in_batches_of_any_size(name, golden, tmp_path):
    folder = golden / "a_nets"
    prefix = golden_checkpoint(folder, name, tmp_path / "model")
    images = golden_images(folder, name)
    expected = of_length_1(np.load(folder / "embeddings.npz")[name])
    (layer,) = mx.sym.load(f"{prefix}-symbol.json").list_outputs()
    length, difference = export_onnx(Checkpoint(prefix, 0), str(tmp_path / "m.onnx"), images, layer)
    assert length == expected.shape[1] and difference < 1e-5
    for count in (1, 3):
        found = run_onnx(tmp_path / "m.onnx", images[:count])
        assert found.dtype == np.float32 and found.shape == (count, expected.shape[1])
        np.testing.assert_allclose(of_length_1(found), expected[:count], rtol=0, atol=1e-5)


@pytest.mark.slow
def test_a_training_checkpoint_loses_its_classifier_and_keeps_lengths(golden, narrow, tmp_path):
    trained = with_classifier(narrow, tmp_path / "model", 5)
    images = golden_images(golden / "a_nets", NARROW)
    expected = np.load(golden / "a_nets" / "embeddings.npz")[NARROW]
    for number, layer in enumerate(("fc1_output", "blockgrad0_output")):
        path = tmp_path / f"{number}.onnx"
        export_onnx(Checkpoint(trained, 5), str(path), images, layer)
        names = {constant.name for constant in onnx.load(str(path)).graph.initializer}
        assert "pre_fc1_weight" in names and "fc7_weight" not in names
        found = run_onnx(path, images)
        np.testing.assert_allclose(found, expected, rtol=0, atol=1e-5 * np.abs(expected).max())


def test_the_file_says_what_goes_in_and_comes_out(narrow, tmp_path, command):
    assert command("--image-size", "32,32")[0] == 0
    model = onnx.load(str(tmp_path / "m.onnx"))
    assert [(opset.domain, opset.version) for opset in model.opset_import] == [("", 13)]
    assert model.ir_version == 7
    (data,), (fc1,) = model.graph.input, model.graph.output
    sizes = [each.dim_param or each.dim_value for each in data.type.tensor_type.shape.dim]
    assert (data.name, sizes) == ("data", ["N", 3, 32, 32])
    sizes = [each.dim_param or each.dim_value for each in fc1.type.tensor_type.shape.dim]
    assert (fc1.name, sizes) == ("fc1", ["N", 32])
    assert {each.type.tensor_type.elem_type for each in (data, fc1)} == {onnx.TensorProto.FLOAT}
    assert {each.key: each.value for each in model.metadata_props} == {
        "input_layout": "NCHW", "input_colour_order": "RGB", "input_range": "0..255",
        "output_layer": "fc1_output", "checkpoint": f"{NARROW},0",
    }  # fmt: skip
    assert "RGB" in data.doc_string and "0..255" in data.doc_string
    assert str(Path(narrow).parent).encode() not in (tmp_path / "m.onnx").read_bytes()


@pytest.mark.slow
def test_the_insightface_package_sees_that_pixels_are_normalised_in_the_graph(tmp_path, command):
    # it looks for these among the first eight nodes, else it normalises a second time
    command("--image-size", "32")
    names = [node.name for node in onnx.load(str(tmp_path / "m.onnx")).graph.node[:8]]
    assert any(name.startswith("_minus") for name in names)
    assert any(name.startswith("_mul") for name in names)


def test_opencv_runs_it(golden, narrow, tmp_path):
    import cv2

    images = golden_images(golden / "a_nets", NARROW)
    export_onnx(Checkpoint(narrow, 0), str(tmp_path / "m.onnx"), images)
    network = cv2.dnn.readNetFromONNX(str(tmp_path / "m.onnx"))
    network.setInput(images.astype(np.float32))
    expected = of_length_1(np.load(golden / "a_nets" / "embeddings.npz")[NARROW])
    np.testing.assert_allclose(of_length_1(network.forward()), expected, rtol=0, atol=1e-5)


def test_the_command_tells_what_it_wrote_and_how_it_was_checked(golden, tmp_path, command):
    faces = golden / "e_verification" / "lfw_py2_32px.bin"
    status, out, _ = command("--check", faces)
    assert status == 0 and len(out) == 2
    assert out[0].startswith(f"{tmp_path / 'm.onnx'}: 0.4 MB, opset 13, input data (N, 3, 32, 32)")
    assert out[0].endswith("output fc1 (N, 32)")
    label, difference = out[1].split(": ", 1)
    assert label == "largest difference from MXNet, embeddings of length 1"
    assert float(difference.split()[0]) < 1e-5
    assert difference.endswith(f"(8 images of {faces}, in batches of 1 and 8)")


def test_a_wrong_translation_is_noticed_and_leaves_nothing(tmp_path, command, monkeypatch):
    from eval.export_parts.operators import TRANSLATIONS

    monkeypatch.setitem(TRANSLATIONS, "_minus_scalar", TRANSLATIONS["_plus_scalar"])
    result = command("--image-size", 32)
    refusal(
        result, f"{tmp_path / 'm.onnx'}: not written, because its embeddings would differ", "1e-04"
    )
    assert os.listdir(tmp_path) == []


def test_a_model_that_is_not_sound_is_noticed_and_leaves_nothing(tmp_path, command, monkeypatch):
    from eval.export_parts.operators import TRANSLATIONS

    monkeypatch.setitem(TRANSLATIONS, "Convolution", TRANSLATIONS["FullyConnected"])
    refusal(command("--image-size", 32), "m.onnx: not written, because it would not run: ")
    assert os.listdir(tmp_path) == []


def test_an_operator_without_translation_is_named(tmp_path, command, monkeypatch):
    from eval.export_parts.operators import TRANSLATIONS

    monkeypatch.delitem(TRANSLATIONS, "LeakyReLU")
    refusal(command("--image-size", 32), "cannot be written as ONNX: LeakyReLU relu0 is not among")
    assert os.listdir(tmp_path) == []


def test_images_of_another_size_are_told(golden, tmp_path, command):
    refusal(command(), "does not take images of 112x112", "--image-size")
    faces = golden / "e_verification" / "lfw_py2_32px.bin"
    result = command("--check", faces, "--image-size", "112,96")
    refusal(result, "--image-size 112,96: the images of", "are 32x32 pixels")
    assert os.listdir(tmp_path) == []


@pytest.mark.parametrize("size", ["0", "112,96,3", "x", "112,", "5000"])
def test_sizes_that_are_none_end_with_status_2(size, command, capsys):
    with pytest.raises(SystemExit) as ended:
        command("--image-size", size)
    assert ended.value.code == 2 and "is not 'height,width'" in capsys.readouterr().err


def test_an_existing_file_stays_unless_told(tmp_path, command):
    (tmp_path / "m.onnx").write_text("mine")
    refusal(command("--image-size", 32), "m.onnx: exists", "--overwrite")
    assert (tmp_path / "m.onnx").read_text() == "mine" and os.listdir(tmp_path) == ["m.onnx"]
    assert command("--image-size", 32, "--overwrite")[0] == 0
    onnx.checker.check_model(str(tmp_path / "m.onnx"))


def test_a_missing_layer_or_checkpoint_is_told(golden, tmp_path, command):
    refusal(command("--image-size", 32, "--layer", "fc9_output"), "has no output fc9_output")
    refusal(command(model=golden / "absent,0"), "absent-symbol.json: no such file")
    assert os.listdir(tmp_path) == []


@pytest.mark.parametrize("package", ["onnx", "onnxruntime"])
def test_packages_that_are_not_installed_are_told(package, command, monkeypatch):
    monkeypatch.setitem(sys.modules, package, None)
    refusal(command("--image-size", 32), package, "pip install 'unequal-training[onnx]'")


@pytest.mark.slow
def test_2019_embeddings_of_y1(shared, tmp_path):
    folder = shared / "golden" / "a_nets"
    images = golden_images(folder, "y1_emb128")
    export_onnx(Checkpoint(str(folder / "y1_emb128"), 0), str(tmp_path / "y1.onnx"), images)
    expected = of_length_1(np.load(folder / "embeddings.npz")["y1_emb128"])
    for count in (1, 3):
        found = of_length_1(run_onnx(tmp_path / "y1.onnx", images[:count]))
        np.testing.assert_allclose(found, expected[:count], rtol=0, atol=1e-5)
