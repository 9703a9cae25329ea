"""All four stages on a small, long-tailed, noisy set of drawn faces; ends with a table.

    python benchmarks/demo.py [--output demo_output] [--seed 0]

Everything is made here: the faces and their planted noise (recordio_tools.make_synthetic), the
four checkpoints, and the two questions that the table answers: how well does each stage tell
people apart that no stage has seen, and is what the noise pass flags really noise?
"""

from __future__ import annotations

import argparse
import csv
import os
import subprocess
import sys
import time
from pathlib import Path
from typing import Iterable, Sequence

import unequal  # noqa: F401  (readies the process before mxnet is imported)

# isort: split
from eval import verification
from eval.embed import load_embedder
from recordio_tools.make_synthetic import make_synthetic
from unequal.errors import InputError

REPOSITORY = Path(__file__).resolve().parents[1]
FACES = dict(size=32, identities=300, images=16, tail_identities=300, tail_images=(2, 4),
             unseen_identities=100, pairs=1200, label_noise=0.1, outliers=0.1)
NETWORK = ["--network", "r18", "--width", "0.25", "--emb-size", "128", "--loss-type", "4",
           "--margin-s", "32", "--margin-m", "0.3", "--target", "unseen", "--verbose", "100000"]
NOISE_THRESHOLD = 0.25


def stages(output: Path, seed: int) -> list[tuple[str, str, list[str], str]]:
    """(title, script or module, flags, checkpoint it leaves if any) of each stage."""
    models = output / "models"
    head, denoised = output / "data" / "head", output / "head_denoise"
    common = [*NETWORK, "--seed", str(seed), "--data-dir"]
    return [
        ("1   ArcFace on the head", "train_softmax.py",
         [*common, str(head), "--lr", "0.1", "--lr-steps", "700,900", "--per-batch-size", "64",
          "--end-epoch", "14", "--prefix", str(models / "arcface" / "model")], "arcface/model,0"),
        ("2.1 the same under the NR graph", "train_NR_savemodel.py",
         [*common, str(head), "--lr", "0.01", "--per-batch-size", "64", "--noise-beta", "0.9",
          "--end-epoch", "1", "--max-steps", "1",
          "--pretrained", f"{models / 'arcface' / 'model'},0",
          "--prefix", str(models / "nr" / "model_t")], "nr/model_t,0"),
        ("2.2 noise left out, NR loss", "train_NR.py",
         [*common, str(head), "--lr", "0.005", "--lr-steps", "200", "--per-batch-size", "64",
          "--noise-beta", "0.9", "--end-epoch", "4", "--noise-threshold", str(NOISE_THRESHOLD),
          "--batch_size_mining", "64", "--pretrained", f"{models / 'nr' / 'model_t'},0",
          "--prefix", str(models / "nr" / "model"), "--bin-dir", str(output)], "nr/model,0"),
        ("3.1 the head without that noise", "-m recordio_tools.denoise",
         ["--data-dir", str(head), "--noise-list", str(output / "0_noiselist.txt"),
          "--output", str(denoised), "--overwrite"], ""),
        ("3.2 head and tail", "train_debug_soft_gs.py",
         [*common, str(denoised), "--data-dir-interclass", str(output / "data" / "tail"),
          "--lr", "0.003", "--interweight", "5", "--bag-size", "360", "--batch-size1", "60",
          "--batchsize_id", "60", "--batch-size2", "120", "--end-epoch", "1",
          "--pretrained", f"{models / 'nr' / 'model'},0",
          "--prefix", str(models / "all" / "model")], "all/model,0"),
    ]


def run_stage(script: str, flags: Sequence[str], log: Path) -> None:
    """Run it as a user would, its output in ``log``; raises InputError when it fails."""
    with open(log, "w", encoding="utf-8") as file:
        done = subprocess.run([sys.executable, "-u", *script.split(), *flags], cwd=REPOSITORY,
                              stdout=file, stderr=subprocess.STDOUT,
                              env={**os.environ, "CUDA_VISIBLE_DEVICES": ""})
    if done.returncode != 0:
        last = log.read_text(encoding="utf-8").strip().splitlines()[-1:]
        raise InputError(f"{script} ended with status {done.returncode}: {''.join(last)} "
                         f"(whole log: {log})")


def noise_quality(noise_list: Path, truth: Path) -> dict[str, float]:
    """How the noise list compares with what was planted in the head."""
    flagged = {int(line.split()[1]) for line in noise_list.read_text().splitlines()}
    with open(truth, encoding="utf-8", newline="") as file:
        kinds = {int(row["record"]): row["kind"] for row in csv.DictReader(file)
                 if row["set"] == "head"}
    outliers = {record for record, kind in kinds.items() if kind == "outlier"}
    noise = {record for record, kind in kinds.items() if kind != "clean"}
    return {
        "flagged": len(flagged), "outliers": len(outliers), "images": len(kinds),
        "precision": len(flagged & outliers) / max(1, len(flagged)),
        "recall": len(flagged & outliers) / max(1, len(outliers)),
        "any_precision": len(flagged & noise) / max(1, len(flagged)),
        "chance": len(outliers) / len(kinds),
    }


def table(rows: Iterable[Sequence[str]]) -> str:
    """Rows of cells as aligned text."""
    rows = [list(map(str, row)) for row in rows]
    widths = [max(map(len, column)) for column in zip(*rows)]
    return "\n".join("  ".join(cell.ljust(width) for cell, width in zip(row, widths)).rstrip()
                     for row in rows)


def main(argv: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description="the four stages on drawn faces")
    parser.add_argument("--output", default="demo_output", help="folder for all that is made")
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args(argv)
    output = Path(options.output).resolve()
    try:
        run(output, options.seed)
    except InputError as error:
        print(f"demo: {error}", file=sys.stderr)
        return 2
    return 0


def run(output: Path, seed: int) -> None:
    """Make the data, run the stages, print the table."""
    started = time.time()
    output.mkdir(parents=True, exist_ok=True)
    print(f"drawing faces into {output / 'data'} ...", flush=True)
    made = make_synthetic(output / "data", overwrite=True, seed=seed, **FACES)
    print(f"  head: {made.head_images} images of {FACES['identities']} people, "
          f"{made.mislabelled} with a wrong label and {made.outliers} of nobody among them\n"
          f"  tail: {made.tail_images} images of {FACES['tail_identities']} people\n"
          f"  test: {made.pairs} pairs of people who are in neither", flush=True)
    pairs = verification.load_bin(output / "data" / "head" / "unseen.bin")
    rows = [("stage", "accuracy on unseen people", "seconds")]
    for title, script, flags, left in stages(output, seed):
        log = output / f"{script.split('.')[-1 if script.startswith('-m') else 0]}.log"
        print(f"\n{title}\n  python {script} {' '.join(flags)}\n  (log: {log})", flush=True)
        before = time.time()
        run_stage(script, flags, log)
        if not left:
            rows.append((title, "", f"{time.time() - before:.0f}"))
            continue
        prefix, _, epoch = left.partition(",")
        embed = load_embedder(str(output / "models" / prefix), int(epoch))
        result = verification.test(pairs, embed, 100)
        rows.append((title, f"{result.acc2:.3f} +- {result.std2:.3f}",
                     f"{time.time() - before:.0f}"))
        print(f"  accuracy on unseen people {rows[-1][1]}", flush=True)
    quality = noise_quality(output / "0_noiselist.txt", output / "data" / "truth.csv")
    print("\n" + table(rows))
    print(f"""
noise list of stage 2.2: {quality['flagged']} of {quality['images']} images, \
{quality['outliers']} planted ones belong to nobody
  precision {quality['precision']:.2f} (by chance {quality['chance']:.2f}; \
{quality['any_precision']:.2f} with wrong labels counted as found)
  recall    {quality['recall']:.2f}

{time.time() - started:.0f} seconds; everything is in {output}""")


if __name__ == "__main__":
    sys.exit(main())
