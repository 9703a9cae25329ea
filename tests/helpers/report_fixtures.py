"""What train_unequal.py leaves in its OUTPUT, made up but realistic: finished, or on its way."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, Sequence

import numpy as np

from eval.verification_parts.curves import curves, figures
from record_fixtures import write_face_set
from unequal.faces.face_records import FaceRecords
from unequal.faces.noise_list import write_noise_list
from unequal.faces.noise_scores import Scores, write_scores

HEAD_IMAGES = tuple(range(30, 9, -2))
TAIL_IMAGES = (9, 7, 5, 5, 4, 4) + (3,) * 10
TARGETS = ("unseen", "lfw", "cfp_fp")
PAIRS = 600
# name, title, why, steps, where the mean starts and ends, kept, verdict
STAGES = (
    ("1-softmax", "ArcFace on the head", "A first model.", 900, (0.62, 0.905), True, "Patience."),
    ("2.1-savemodel", "Same weights", "For the graph of the next stage.", 1, None, None, ""),
    ("2.2-noise_resistance", "Noise left out", "It misleads.", 600, (0.85, 0.921), True, "92.1 %."),
    ("3.1-denoise", "The head cleaned", "Step 3.2 reads no noise.", None, None, None, ""),
    ("3.2-unequal-1", "Head and tail", "Tail driven apart.", 400, (0.918, 0.926), True, "92.6 %."),
    ("3.2-unequal-5", "More of it", "A stronger push.", 400, (0.925, 0.922), False, "Not better."),
    ("3.2-unequal-10", "Most of it", "The strongest push.", None, None, None, ""),
    ("evaluation", "Final evaluation", "All models on all sets.", None, None, None, ""),
)
SKIPPED = "3.2-unequal-10"
LOSSES = {
    "1": {"softmaxloss": (9.2, 1.4)},
    "2": {"softmaxloss2": (7.5, 1.1)},
    "3": {"softmaxloss": (1.3, 1.1), "interloss": (0.09, 0.02)},
}


def write_output(
    folder: Path,
    *,
    done: int = len(STAGES),
    targets: Sequence[str] = TARGETS,
    head: Path | None = None,
) -> Path:
    """Write an OUTPUT with `done` stages done, and the next one running; its path.

    `head`: an existing set to tell of, else a small one is made beside it.
    """
    random = np.random.RandomState(7)
    folder.mkdir(parents=True)
    head = head or write_face_set(folder.parent / "sets" / "head", HEAD_IMAGES)
    tail = write_face_set(folder.parent / "sets" / "tail", TAIL_IMAGES, seed=1)
    stages = [_stage(folder, random, place, done, targets) for place in range(len(STAGES))]
    finished = done == len(STAGES)
    kept = [stage["name"] for stage in stages if stage["kept"]]
    recipe = {
        "version": 1,
        "created": "2026-11-22T07:30:00+00:00",
        "finished": "2026-11-22T09:12:44+00:00" if finished else None,
        "flags": {
            "head": str(head),
            "tail": str(tail),
            "output": str(folder),
            "network": "r50",
            "patience": 3,
            "interweights": [1.0, 5.0, 10.0],
            "seed": 1,
            "step1": [],
            "noise_threshold": "auto",
        },
        "versions": {"python": "3.11.9", "mxnet": "1.9.1", "numpy": "1.23.5", "unequal": "0.1.0"},
        "machine": {"processor": "a processor", "cores": 2, "devices": ["cpu(0)"]},
        "stages": stages,
        "final": {"stage": kept[-1], "checkpoint": "final/model,0"} if finished else {},
    }
    write_json(folder / "recipe.json", recipe)
    if done > 2:
        write_noise(folder / "2.2-noise_resistance", head, random)
    if finished:
        names = [STAGES[0][0], *kept[1:]]
        write_json(folder / "evaluation.json", _evaluation(random, names, targets))
    return folder


def write_json(path: Path, value: Any) -> None:
    path.write_text(json.dumps(value), encoding="utf-8")


def change_recipe(folder: Path, **parts: Any) -> None:
    """Replace parts of recipe.json."""
    path = folder / "recipe.json"
    write_json(path, {**json.loads(path.read_text(encoding="utf-8")), **parts})


def write_noise(folder: Path, head: Path, random: np.random.RandomState) -> Scores:
    """Write scores of all images of a set, every tenth an unlikely one, and the noise list."""
    folder.mkdir(parents=True, exist_ok=True)
    records = FaceRecords(head)
    keys, starts = records.groups
    labels = np.repeat(np.arange(len(starts) - 1), np.diff(starts)).astype(np.int32)
    noisy = random.rand(len(keys)) < 0.1
    odds = np.where(noisy, random.normal(-4, 1.2, len(keys)), random.normal(5, 1.8, len(keys)))
    largest = (1 / (1 + np.exp(-odds))).astype(np.float32)
    other = random.randint(0, len(starts) - 1, len(keys)).astype(np.int32)
    predicted = np.where(noisy, other, labels).astype(np.int32)
    of_label = np.where(predicted == labels, largest, largest / 50).astype(np.float32)
    scores = Scores(labels, keys, largest, of_label, predicted)
    write_scores(folder / "0_noise_scores.csv", scores)
    write_noise_list(folder / "0_noiselist.txt", scores.rows(largest < 0.3))
    return scores


def _stage(
    folder: Path, random: np.random.RandomState, place: int, done: int, targets: Sequence[str]
) -> dict[str, Any]:
    name, title, why, steps, means, kept, verdict = STAGES[place]
    status = "done" if place < done else "running" if place == done else "waiting"
    if name == SKIPPED and place < done:
        status = "skipped"
    stage: dict[str, Any] = {
        "name": name,
        "title": title,
        "why": why,
        "folder": name,
        "status": status,
        "command": f"python train.py --network r50 --prefix {name}/model",
        "kept": None,
        "verdict": verdict if status == "done" else "",
    }
    if means and status in ("done", "running"):
        last = steps if status == "done" else steps // 2
        tests = _write_history(folder / name, random, name[0], last, means, targets)
        best = max(tests, key=lambda line: line["mean"])
        stage["best"] = {
            "step": best["step"],
            "mean": best["mean"],
            "accuracy": {key: part["accuracy"] for key, part in best["targets"].items()},
        }
    if status == "done":
        stage.update(kept=kept, seconds=45.6 + 3.1 * (steps or 0))
        if steps:
            stage.update(
                steps=steps,
                images=64 * steps,
                checkpoint=f"{name}/model-best,0",
                ended_by="patience" if means else "steps",
            )
    return stage


def _write_history(
    folder: Path,
    random: np.random.RandomState,
    kind: str,
    steps: int,
    means: tuple[float, float],
    targets: Sequence[str],
) -> list[dict[str, Any]]:
    """Write history.jsonl; its lines about tests."""
    folder.mkdir(parents=True, exist_ok=True)
    lines = []
    for step in range(5, steps + 1, 5):
        share = 1 - np.exp(-4 * step / steps)
        train = {
            "kind": "train",
            "step": step,
            "epoch": step // 60,
            "seconds": 3.1 * step,
            "rate": 0.1 if step < 600 else 0.01,
            "speed": 20.6 + random.normal(0, 0.4),
            "acc": float(np.clip(0.8 * share + random.normal(0, 0.03), 0, 1)),
        }
        for name, (first, last) in LOSSES[kind].items():
            train[name] = float((first + (last - first) * share) * random.normal(1, 0.05))
        lines.append(train)
        if step % 50 == 0:
            values = random.normal(np.linspace(0.02, -0.02, len(targets)), 0.004)
            values += means[0] + (means[1] - means[0]) * share
            lines.append(
                {
                    "kind": "test",
                    "step": step,
                    "seconds": 3.1 * step + 2,
                    "mean": values.mean(),
                    "targets": {
                        target: {"accuracy": value, "std": 0.011, "xnorm": 10.2}
                        for target, value in zip(targets, values)
                    },
                }
            )
    text = "".join(json.dumps(line) + "\n" for line in lines)
    (folder / "history.jsonl").write_text(text, encoding="utf-8")
    return [line for line in lines if line["kind"] == "test"]


def _evaluation(
    random: np.random.RandomState,
    names: Sequence[str],
    targets: Sequence[str],
) -> dict[str, Any]:
    rows, drawn = [], {"first": {}, "final": {}}
    for number, target in enumerate(targets):
        issame = np.arange(PAIRS) % 2 == 0
        noise = random.normal(0, 1, PAIRS)
        for place, name in enumerate(names):
            apart = 1.35 + 0.35 * place / (len(names) - 1) - 0.25 * number
            own = 0.85 * noise + 0.53 * random.normal(0, 1, PAIRS)
            distances = np.abs(np.where(issame, 1.0, 1.0 + 0.55 * apart) + 0.22 * own)
            right = (distances < 1.0 + 0.28 * apart) == issame
            accuracies = right.reshape(10, -1).mean(axis=1)
            row = {
                "stage": name,
                "checkpoint": f"{name}/model-best,0",
                "target": target,
                "accuracy": accuracies.mean(),
                "std": accuracies.std(),
                "xnorm": 10.2 + place,
                "folds": accuracies.tolist(),
                **figures(distances, issame),
            }
            rows.append(row)
            if place in (0, len(names) - 1):
                drawn["final" if place else "first"][target] = curves(distances, issame)
    ranks = [
        {"stage": name, "rank1": 0.61 + 0.04 * i, "rank5": 0.78 + 0.03 * i, "searches": 800}
        for i, name in enumerate(names)
    ]
    return {"rows": rows, **drawn, "identification": ranks}
