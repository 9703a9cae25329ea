"""--seed repeats a run bit for bit on the CPU, whatever the number of decoding threads."""

from __future__ import annotations

import pytest

from script_runs import SMALL, run_here, write_sets

pytestmark = pytest.mark.slow

FLAGS = {
    "train_softmax.py": "--per-batch-size 8 --max-steps 14",
    "train_debug_soft_gs.py": "--data-dir-interclass tail --batch-size1 6 --batchsize_id 6 "
    "--batch-size2 5 --bag-size 15 --max-steps 4",
}


@pytest.mark.parametrize("script", FLAGS)
def test_same_seed_same_model(script, tmp_path):
    write_sets(tmp_path)
    models = []
    for number, (seed, workers) in enumerate(((7, 1), (7, 4), (8, 1))):
        flags = [*SMALL, *FLAGS[script].split(), "--data-dir", "head"]
        flags += ["--seed", seed, "--workers", workers, "--prefix", f"run{number}/model"]
        done = run_here(script, *flags, folder=tmp_path)
        assert done.returncode == 0, done.stdout
        models.append((tmp_path / f"run{number}" / "model-0000.params").read_bytes())
    assert models[0] == models[1]
    assert models[0] != models[2]
