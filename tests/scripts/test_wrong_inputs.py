"""Wrong inputs: one clear line, exit status 2, nothing lost and nothing half-written."""

from __future__ import annotations

import os
import pickle
import shutil
from pathlib import Path

import pytest

from record_fixtures import write_face_set
from script_runs import SMALL, run_here, write_bin, write_sets
from unequal.commands import main

pytestmark = pytest.mark.slow

UNEQUAL = ["--batch-size1", 6, "--batchsize_id", 6, "--batch-size2", 4, "--bag-size", 12]


class Malicious:
    """Unpickling this would make a folder."""

    def __reduce__(self):
        return os.mkdir, ("executed",)


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """Sets, and checkpoints of the steps softmax and savemodel."""
    folder = tmp_path_factory.mktemp("made")
    write_sets(folder)
    flags = [*SMALL, "--data-dir", "head", "--per-batch-size", 4, "--max-steps", 1]
    for script, extra in (
        ("train_softmax.py", ["--prefix", "models/model"]),
        ("train_NR_savemodel.py", ["--prefix", "models/model_t", "--pretrained", "models/model,0"]),
    ):
        done = run_here(script, *flags, *extra, folder=folder)
        assert done.returncode == 0, done.stdout
    return folder


@pytest.fixture
def here(made, tmp_path, monkeypatch):
    """A copy of the sets and checkpoints, as the working folder."""
    shutil.copytree(made, tmp_path / "work")
    monkeypatch.chdir(tmp_path / "work")
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "")
    return tmp_path / "work"


def files(folder):
    return {
        str(path.relative_to(folder)): path.read_bytes()
        for path in folder.rglob("*")
        if path.is_file()
    }


def refused(capfd, script, *flags, says, prefix="new/model"):
    """Run a script in this process; it must refuse with one line that contains ``says``."""
    before = files(Path.cwd())
    flags = [*SMALL, "--data-dir", "head", "--prefix", prefix, *map(str, flags)]
    if script != "unequal":
        flags = ["--per-batch-size", "4", *flags]
    assert main(script, flags) == 2
    lines = capfd.readouterr().err.strip().splitlines()
    # lines of the log are not part of the message
    lines = [line for line in lines if not line.startswith("INFO:")]
    assert len(lines) == 1, lines
    for text in [says] if isinstance(says, str) else says:
        assert text in lines[0]
    assert files(Path.cwd()) == before


def run(step, words, *more, prefix="new/model"):
    """The exit status of a step on the head, in this process."""
    flags = [*SMALL, "--data-dir", "head", "--prefix", prefix, *words.split(), *map(str, more)]
    return main(step, flags)


def test_no_property(here, capfd):
    (here / "head" / "property").unlink()
    refused(capfd, "softmax", says="property")


def test_garbled_property(here, capfd):
    (here / "head" / "property").write_text("six\n")
    refused(capfd, "softmax", says="property")


def test_property_with_another_size(here, capfd):
    (here / "head" / "property").write_text("6,24,24\n")
    for path in (here / "head").glob("*.bin"):
        path.unlink()
    refused(capfd, "softmax", says=["property", "16"])


def test_property_with_a_size_that_the_bin_does_not_have(here, capfd):
    write_bin(here / "head" / "lfw.bin", size=24)
    refused(capfd, "softmax", says="lfw.bin")


def test_property_with_fewer_classes_than_labels(here, capfd):
    (here / "head" / "property").write_text("3,16,16\n")
    refused(capfd, "softmax", says="label")


def test_image_size_that_the_network_cannot_take(here, capfd):
    refused(capfd, "softmax", "--network", "y1", "--width", 1.0, says="--network y1")


def test_no_such_folder(here, capfd):
    refused(capfd, "softmax", "--data-dir", "nowhere", says="nowhere")


def test_truncated_rec(here, capfd):
    rec = here / "head" / "train.rec"
    rec.write_bytes(rec.read_bytes()[:-1000])
    refused(capfd, "softmax", says="train.rec")


def test_index_of_another_file(here, capfd):
    write_face_set(here / "other", (7, 9, 4, 30), size=16, seed=9)
    shutil.copy(here / "other" / "train.idx", here / "head" / "train.idx")
    refused(capfd, "softmax", says="train.idx")


def test_empty_index(here, capfd):
    (here / "head" / "train.idx").write_text("")
    refused(capfd, "softmax", says="train.idx")


@pytest.mark.parametrize(
    "text", ["models/model", "models/model,x", "models/absent,0", "models/model,7"]
)
def test_pretrained_that_is_not_there(text, here, capfd):
    refused(capfd, "softmax", "--pretrained", text, says=text.split(",")[0])


def test_pretrained_of_another_network(here, capfd):
    refused(
        capfd,
        "softmax",
        "--pretrained",
        "models/model,0",
        "--network",
        "r34",
        says=["models/model,0", "another network"],
    )


def test_pretrained_of_another_width(here, capfd):
    refused(
        capfd,
        "softmax",
        "--pretrained",
        "models/model,0",
        "--width",
        "0.25",
        says=["models/model,0", "shape"],
    )


def test_pretrained_with_another_class_count(here, capfd):
    (here / "head" / "property").write_text("9,16,16\n")
    refused(capfd, "softmax", "--pretrained", "models/model,0", says=["6 classes", "9"])


def test_noise_pass_with_another_class_count(here, capfd):
    write_face_set(here / "head", (8,) * 9, size=16)
    refused(
        capfd,
        "noise_resistance",
        "--pretrained",
        "models/model_t,0",
        says=["head/train.rec", "6 classes"],
    )


def test_truncated_pretrained(here, capfd):
    params = here / "models" / "model-0000.params"
    params.write_bytes(params.read_bytes()[:2000])
    refused(capfd, "softmax", "--pretrained", "models/model,0", says="model-0000.params")


def test_noise_pass_needs_a_model(here, capfd):
    refused(capfd, "noise_resistance", says="--pretrained")


def test_noise_pass_with_a_model_of_softmax(here, capfd):
    refused(
        capfd, "noise_resistance", "--pretrained", "models/model,0", says="train_NR_savemodel.py"
    )


@pytest.mark.parametrize("value", ["7", "-0.1", "nan"])
def test_threshold_that_is_no_probability(here, capfd, value):
    refused(
        capfd,
        "noise_resistance",
        f"--noise-threshold={value}",
        "--pretrained",
        "models/model_t,0",
        says="--noise-threshold",
    )


def test_threshold_that_keeps_less_than_a_batch(here, capfd):
    assert (
        run(
            "noise_resistance",
            "--per-batch-size 96 --pretrained models/model_t,0 --noise-threshold 1 --max-steps 1",
        )
        == 2
    )
    assert "--noise-threshold" in capfd.readouterr().err
    assert {p.name for p in (here / "new").iterdir()} == {
        "0_noiselist.txt",
        "0_noise_scores.csv",
        "0_noise_histogram.png",
    }


def test_malicious_bin(here, capfd):
    (here / "head" / "lfw.bin").write_bytes(pickle.dumps((Malicious(), [True])))
    refused(capfd, "softmax", says="lfw.bin")
    assert not (here / "executed").exists()


def test_bin_that_is_no_bin(here, capfd):
    (here / "head" / "lfw.bin").write_bytes(b"\x89PNG")
    refused(capfd, "softmax", says="lfw.bin")


def test_bin_with_fewer_images_than_a_batch_is_fine(here, capfd):
    write_bin(here / "head" / "lfw.bin", pairs=3)
    assert run("softmax", "--per-batch-size 16 --max-steps 1 --verbose 1") == 0
    assert "[lfw][1]Accuracy-Flip" in capfd.readouterr().out


def test_prefix_in_a_new_folder_is_made(here, capfd):
    assert run("softmax", "--per-batch-size 4 --max-steps 1", prefix="a/b/c/model") == 0
    assert (here / "a" / "b" / "c" / "model-0000.params").exists()


def test_prefix_that_cannot_be_written(here, capfd):
    (here / "file").write_text("")
    refused(capfd, "softmax", says="--prefix", prefix="file/model")


def test_prefix_without_a_folder_is_the_working_folder(here):
    assert run("softmax", "--per-batch-size 4 --max-steps 1", prefix="model") == 0
    assert (here / "model-0000.params").exists()


@pytest.mark.parametrize(
    "sizes,says",
    [
        (["--batchsize_id", 7], "--batchsize_id"),
        (["--bag-size", 3], "--bag-size"),
        (["--batchsize_id", 30, "--bag-size", 30], "identities"),
        (["--images-per-identity", 4], "--batchsize_id"),
        (["--batch-size1", 500], "--batch-size1"),
        (["--batch-size2", 0], "--batch-size2"),
        (["--images-per-identity", 0], "--images-per-identity"),
    ],
)
def test_sizes_of_unequal(sizes, says, here, capfd):
    refused(capfd, "unequal", "--data-dir-interclass", "tail", *UNEQUAL, *sizes, says=says)


def test_sizes_that_devices_do_not_divide(here, capfd, monkeypatch):
    import mxnet as mx

    monkeypatch.setattr("unequal.training.run.usable_devices", lambda: [mx.cpu(0), mx.cpu(1)])
    refused(
        capfd,
        "unequal",
        "--data-dir-interclass",
        "tail",
        *UNEQUAL,
        "--batch-size1",
        7,
        says="--batch-size1",
    )
    refused(
        capfd,
        "unequal",
        "--data-dir-interclass",
        "tail",
        *UNEQUAL,
        "--batchsize_id",
        9,
        says="--batchsize_id",
    )


def test_set_smaller_than_a_batch(here, capfd):
    refused(capfd, "softmax", "--per-batch-size", 200, says="--per-batch-size")


@pytest.mark.parametrize(
    "flags,says",
    [
        (["--loss-type", 3], "--loss-type"),
        (["--network", "m1"], "--network"),
        (["--version-unit", 4], "--version-unit"),
        (["--version-output", "Q"], "--version-output"),
        (["--lr-steps", "a,b"], "--lr-steps"),
        (["--margin-m", 2], "--margin-m"),
        (["--version-act", "gelu"], "--version-act"),
        (["--emb-size", 0], "--emb-size"),
    ],
)
def test_flags_that_name_nothing(flags, says, here, capfd):
    refused(capfd, "softmax", *flags, says=says)


def test_too_many_corrupt_images_before_the_first_batch(here, capfd):
    broken = {key: b"not a picture" for key in range(1, 97)}
    write_face_set(here / "head", (16,) * 6, size=16, payloads=broken)
    refused(capfd, "softmax", "--max-bad-images", 10, says="10")


def test_a_late_fault_keeps_the_model(here, capfd):
    broken = {key: b"not a picture" for key in range(1, 30)}
    write_face_set(here / "head", (16,) * 6, size=16, payloads=broken)
    assert run("softmax", "--per-batch-size 4 --max-bad-images 28") == 2
    error = capfd.readouterr().err.strip().splitlines()
    assert "28" in error[-1] and "Traceback" not in "".join(error)
    assert sorted(p.name for p in (here / "new").iterdir()) == [
        "model-0000.params",
        "model-symbol.json",
    ]


@pytest.mark.parametrize(
    "flags,says",
    [
        (["--seed", -1], "--seed"),
        (["--seed", 2**33], "--seed"),
        (["--lr", "nan"], "--lr"),
        (["--width", 0], "--width"),
        (["--width", "nan"], "--width"),
        (["--lr-steps", "5,"], "5,"),
        (["--pretrained", "models/model,\u00b2"], "--pretrained"),
        (["--version-output", "A"], "--version-output"),
        (["--version-output", "Z"], "--version-output"),
    ],
)
def test_values_that_no_run_can_have(flags, says, here, capfd):
    refused(capfd, "softmax", *flags, says=says)


def test_a_map_as_embedding(here, capfd):
    flags = ["--version-output", "Z", "--emb-size", 64]  # 64 filters, a map of 1x1
    refused(capfd, "unequal", "--data-dir-interclass", "tail", *UNEQUAL, *flags, says="a map")
    assert run("softmax", "--per-batch-size 4 --max-steps 1 --verbose 1", *flags) == 0


def test_more_classes_than_an_array_holds(here, capfd):
    (here / "head" / "property").write_text("1000000000,16,16\n")
    refused(capfd, "softmax", says="property")


def test_damaged_symbol_of_the_noise_model(here, capfd):
    (here / "models" / "model_t-symbol.json").write_text("{")
    refused(
        capfd, "noise_resistance", "--pretrained", "models/model_t,0", says="model_t-symbol.json"
    )


def test_noise_list_that_cannot_be_written(here, capfd):
    (here / "new").mkdir()
    (here / "new" / "0_noiselist.txt").mkdir()
    refused(capfd, "noise_resistance", "--pretrained", "models/model_t,0", says="0_noiselist.txt")


def test_squeeze_and_excite_in_a_narrow_network_is_fine(here):
    assert run("softmax", "--per-batch-size 4 --max-steps 1 --version-se 1") == 0
