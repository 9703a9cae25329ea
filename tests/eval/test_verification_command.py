"""`python -m eval.verification`: what it prints, which checkpoints it takes, how it refuses."""

from __future__ import annotations

import os
import pickle
import re
import shutil

import pytest

from eval import verification


@pytest.fixture(autouse=True)
def on_the_cpu(monkeypatch):
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "")


@pytest.fixture
def bins(golden, tmp_path):
    folder = tmp_path / "bins"
    folder.mkdir()
    source = golden / "e_verification"
    shutil.copy(source / "lfw_py2_32px.bin", folder / "lfw.bin")
    shutil.copy(source / "lfw_py3_protocol2_32px.bin", folder / "other.bin")
    return folder


@pytest.fixture
def models(golden, tmp_path):
    """A folder with checkpoints model 1 and 3, and files that are not of them."""
    folder = tmp_path / "models"
    folder.mkdir()
    source = str(golden / "a_nets" / "r18narrow32_emb32")
    shutil.copy(f"{source}-symbol.json", folder / "model-symbol.json")
    for name in ("model-0001.params", "model-0003.params"):
        shutil.copy(f"{source}-0000.params", folder / name)
    for name in ("model_t-0007", "model-00010", "model-0009.params.bak", "amodel-0008"):
        (folder / f"{name}.params").write_bytes(b"not a checkpoint")
    return folder


@pytest.fixture
def run(bins, capsys):
    def run(*arguments):
        status = verification.main(["--data-dir", str(bins), *map(str, arguments)])
        printed = capsys.readouterr()
        return status, printed.out.splitlines(), printed.err.splitlines()

    return run


def refusal(result) -> str:
    status, out, err = result
    lines = [line for line in err if line.startswith("verification: ")]
    assert status == 2 and out == [] and len(lines) == 1
    return lines[0]


def test_lines_of_the_training_log(golden, run):
    prefix = golden / "a_nets" / "r18narrow32_emb32"
    status, out, _ = run("--model", f"{prefix},0", "--target", "lfw,other.bin")
    assert status == 0
    for name, lines in (("lfw", out[:3]), ("other", out[3:])):
        xnorm = re.fullmatch(rf"\[{name}\]XNorm: (\d+\.\d{{6}})", lines[0])
        assert float(xnorm[1]) == pytest.approx(4.810723, abs=2e-6)
        assert lines[1] == f"[{name}]Accuracy-Flip: 0.86667+-0.12472"
        assert re.fullmatch(rf"\[{name}\]TAR: \S+\+-\S+ @ FAR=\S+ \(target 0\.001\)", lines[2])
        assert len(lines) == 3


def test_a_prefix_alone_means_all_its_checkpoints_newest_first(models, run):
    status, out, _ = run("--model", models / "model", "--target", "lfw", "--batch-size", 500)
    assert status == 0
    tags = [re.match(r"(\[lfw\]\[\d+\])XNorm", line) for line in out]
    assert [tag[1] for tag in tags if tag] == ["[lfw][3]", "[lfw][1]"]
    assert out[-1] == "Max of [lfw] is 0.86667"


def test_a_missing_checkpoint_is_told(models, run):
    line = refusal(run("--model", models / "other", "--target", "lfw"))
    missing = f"there is no {models}/other-NNNN.params"
    assert line == f"verification: --model {models}/other: {missing}: check the prefix"


def test_a_truncated_checkpoint_is_told(models, run):
    content = (models / "model-0003.params").read_bytes()
    (models / "model-0003.params").write_bytes(content[:1000])
    line = refusal(run("--model", f"{models}/model,3", "--target", "lfw"))
    assert "model-0003.params: truncated" in line


def test_a_missing_set_is_told_before_anything_is_computed(models, run):
    line = refusal(run("--model", f"{models}/model,1", "--target", "lfw,agedb_30"))
    assert "agedb_30.bin: no such verification set" in line
    assert "--target names no" in refusal(run("--model", f"{models}/model,1", "--target", " ,"))


def test_a_malicious_set_is_refused_and_not_run(models, bins, run, tmp_path):
    class Attack:
        def __reduce__(self):
            return os.system, (f"touch {tmp_path / 'trace'}",)

    (bins / "lfw.bin").write_bytes(pickle.dumps(Attack(), 2))
    line = refusal(run("--model", f"{models}/model,1", "--target", "lfw"))
    assert "lfw.bin: refused" in line and "system" in line
    assert not (tmp_path / "trace").exists()


def test_another_image_size_is_told(models, run):
    arguments = ("--model", f"{models}/model,1", "--target", "lfw", "--image-size")
    assert "image 0 is 32x32 pixels (height x width), but 112x96" in refusal(
        run(*arguments, "112,96")
    )
    assert "112x112" in refusal(run(*arguments, "112"))
    assert run(*arguments, "32,32")[0] == 0


def test_a_missing_output_is_told(models, run):
    arguments = ("--model", f"{models}/model,1", "--target", "lfw", "--layer", "fc9_output")
    assert "model-symbol.json: has no output fc9_output" in refusal(run(*arguments))


@pytest.mark.parametrize(
    "arguments",
    [[], ["--model", "m,1", "--batch-size", "0"], ["--model", "m,1", "--nfolds", "x"],
     ["--model", "m,1", "--image-size", "1,2,3"], ["--model", "m,1", "--image-size", "0"]],
)  # fmt: skip
def test_wrong_flags_end_with_status_2(arguments, capsys):
    with pytest.raises(SystemExit) as ended:
        verification.main(arguments)
    assert ended.value.code == 2
    assert "usage" in capsys.readouterr().err


@pytest.mark.slow
def test_official_y1_on_real_faces(shared, capsys):
    """The numbers of the official checkpoint that a plain Module script computed."""
    real = shared / "real"
    arguments = ["--model", f"{real}/y1/model,0", "--data-dir", str(real), "--target", "lfw_600"]
    assert verification.main(arguments) == 0
    out = capsys.readouterr().out.splitlines()
    assert float(out[0].replace("[lfw_600]XNorm: ", "")) == pytest.approx(10.7525, abs=5e-5)
    assert out[1] == "[lfw_600]Accuracy-Flip: 0.99833+-0.00500"
