"""Several devices (two CPU contexts here) through all four scripts."""

from __future__ import annotations

import mxnet as mx
import numpy as np
import pytest

from script_runs import SMALL, write_sets
from unequal.checkpoints.checkpoint import Checkpoint
from unequal.checkpoints.embedder import load_embedder
from unequal.commands import main
from unequal.training import run

pytestmark = pytest.mark.slow


def test_four_steps_on_two_devices(tmp_path, monkeypatch, capfd):
    write_sets(tmp_path)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("unequal.training.run.usable_devices", lambda: [mx.cpu(0), mx.cpu(1)])
    tested = []
    run_test = run.run_test

    def watched(step, targets, embed, *rest):
        tested.append(embed)
        return run_test(step, targets, embed, *rest)

    monkeypatch.setattr(run, "run_test", watched)
    flags = [*SMALL, *"--data-dir head --max-steps 3 --verbose 2".split()]
    per_device = "--per-batch-size 3"
    for step, words in (
        ("softmax", f"{per_device} --prefix m/a"),
        ("savemodel", f"{per_device} --prefix m/t --pretrained m/a,0"),
        ("noise_resistance", f"{per_device} --prefix m/n --pretrained m/t,0 --batch_size_mining 7"),
        (
            "unequal",
            "--data-dir-interclass tail --batch-size1 6 --batchsize_id 12 --batch-size2 5 "
            "--bag-size 12 --prefix m/all --pretrained m/n,0",
        ),
    ):
        assert main(step, [*flags, *words.split()]) == 0
    out = capfd.readouterr().out
    assert "batch_size=6, " in out and "ctx_num=2" in out
    assert out.count("[lfw][2]Accuracy-Flip") == 4
    symbol, args, aux = mx.model.load_checkpoint("m/all", 0)
    for value in (*args.values(), *aux.values()):
        assert np.isfinite(value.asnumpy()).all()
    # every device tests and mines with what is saved
    saved = load_embedder(Checkpoint("m/all", 0))
    images = np.random.RandomState(0).randint(0, 256, (6, 3, 16, 16)).astype(np.uint8)
    np.testing.assert_allclose(tested[-1](images), saved(images), rtol=0, atol=1e-4)
    # one device's share: 3 head rows and 6 tail rows, 2 identities of 3 images
    slices = [node for node in symbol.attr_dict().items() if node[0].startswith("slice_axis")]
    assert {(a["begin"], a["end"]) for _, a in slices} == {("0", "3"), ("3", "9")}
