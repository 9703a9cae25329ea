"""Identification of faces among a gallery and distractors: rank-1, CMC and TAR@FAR.

    python -m eval.identification --gallery G.npy --probes P.npy --distractors D.npy

The files are those of eval.embed; a face set or folder will do, too, with --model, which then
embeds it. Without --probes every gallery image is searched for among the others.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
from pathlib import Path
from typing import Any, Sequence

import numpy as np
from tqdm import tqdm

from eval.embed import add_flags, embed_to
from eval.embed_parts.embedding_files import Embeddings, labels_of, open_embeddings, texts_of
from eval.identification_parts.identify import FARS, PROTOCOLS, Identification, identify
from eval.identification_parts.noise_names import NoiseFound, read_noise_names, without_noise
from eval.identification_parts.similarities import Selected
from unequal.support.errors import InputError, with_flags

__all__ = ["Identification", "identify", "main"]

SHOWN_RANKS = (1, 2, 5, 10, 20, 50, 100)
MEGABYTE = 2**20


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command; returns its exit status: 0, 2 for wrong input, 130 after Ctrl-C."""
    try:
        run(argv)
    except InputError as error:
        print(f"identification: {with_flags(error, _parser())}", file=sys.stderr)
        return 2
    except OSError as error:
        print(f"identification: {error.filename}: {error.strerror}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        return 130
    return 0


def run(argv: Sequence[str] | None = None) -> None:
    """What the command does; InputError and OSError pass through."""
    options = _parser().parse_args(argv)
    with tempfile.TemporaryDirectory(prefix="unequal-identification-") as folder:
        _run(options, Path(folder))


def _run(options: argparse.Namespace, folder: Path) -> None:
    if options.output and not Path(options.output).parent.is_dir():
        raise InputError(f"--output {options.output}: there is no such folder: make it first")
    if options.distractor_noise_list and not options.distractors:
        raise InputError("--distractor-noise-list: needs --distractors")
    same_set = _same(options.gallery, options.probes)
    gallery = _embeddings(options.gallery, "gallery", options, folder)
    probes = gallery if same_set else _embeddings(options.probes, "probes", options, folder)
    labels = labels_of(gallery)
    probe_labels = labels if same_set else labels_of(probes)
    removed: dict[str, NoiseFound] = {}
    rows, probe_rows, distractors = gallery.rows, probes.rows, None
    if options.noise_list:
        noise = read_noise_names(options.noise_list)
        removed["gallery"] = found = _noise(gallery, noise, options.noise_list)
        rows, labels = _kept(rows, found), labels[found.keep]
        if same_set:
            probe_rows, probe_labels = rows, labels
        else:
            removed["probes"] = found = _noise(probes, noise, options.noise_list)
            probe_rows, probe_labels = _kept(probe_rows, found), probe_labels[found.keep]
    if options.distractors:
        others = _embeddings(options.distractors, "distractors", options, folder)
        distractors = others.rows
        if options.distractor_noise_list:
            noise = read_noise_names(options.distractor_noise_list)
            removed["distractors"] = found = _noise(others, noise, options.distractor_noise_list)
            distractors = _kept(distractors, found)
    for name, found in removed.items():
        print(
            f"{name}: {found.removed} images removed by the noise list; {found.unmatched} of its "
            f"{found.entries} entries fit none",
            flush=True,
        )
    counts = {"gallery": len(rows), "probes": len(probe_rows)}
    counts["distractors"] = 0 if distractors is None else len(distractors)
    with tqdm(
        total=len(probe_rows) * (counts["gallery"] + counts["distractors"]),
        unit="pair",
        unit_scale=True,
        file=sys.stderr,
        leave=False,
        disable=not sys.stderr.isatty(),
    ) as bar:
        result = identify(
            rows,
            labels,
            probe_rows,
            probe_labels,
            distractors,
            fars=options.fars,
            ranks=options.ranks,
            memory=options.memory * MEGABYTE,
            same_set=same_set,
            protocol=options.protocol,
            progress=bar.update,
        )
    print("\n".join(table(result, counts, options.protocol)), flush=True)
    if options.output:
        _write(options, result, counts, removed)


def table(result: Identification, counts: dict[str, int], protocol: str) -> list[str]:
    """The lines that show a result; `counts`: images of 'gallery', 'probes', 'distractors'."""
    unusable = sum(result.unusable.values())
    lines = [
        f"protocol {protocol}: "
        + ", ".join(f"{count:,} {name}" for name, count in counts.items())
        + f"; {result.probes:,} probes with a mate, {result.mateless:,} without",
    ]
    if unusable:
        parts = ", ".join(f"{count} {name}" for name, count in result.unusable.items() if count)
        lines.append(f"embeddings without a direction, which match nothing: {parts}")
    lines += ["", f"{'rank':>8}  found of {result.searches:,}"]
    shown = [rank for rank in SHOWN_RANKS if rank <= len(result.cmc)]
    lines += [f"{rank:>8}  {result.cmc[rank - 1]:.5f}" for rank in shown]
    pairs = f"{result.genuine:,} genuine, {result.impostors:,} impostor pairs"
    lines += ["", f"{'FAR':>8}  TAR of {pairs}"]
    for far, tar in result.tar.items():
        text = f"too few impostor pairs, {1 / far:,.0f} needed" if tar is None else f"{tar:.5f}"
        lines.append(f"{far:>8.0e}  {text}")
    return [*lines, "", f"{result.seconds:.1f} seconds"]


def _embeddings(path: str, role: str, options: argparse.Namespace, folder: Path) -> Embeddings:
    if path.endswith(".npy"):
        return open_embeddings(path)
    if not options.model:
        raise InputError(f"--{role} {path}: is no .npy file: give --model to embed it with")
    from unequal.checkpoints.embedder import load_embedder

    kept = f"{Path(options.output).stem}." if options.output else ""
    beside = Path(options.output).parent if options.output else folder
    output = beside / f"{kept}{role}.npy"
    embed_to(load_embedder, path, output, options)
    return open_embeddings(output)


def _same(gallery: str, probes: str | None) -> bool:
    return probes is None or Path(gallery).resolve() == Path(probes).resolve()


def _noise(embeddings: Embeddings, noise: list[str], path: str) -> NoiseFound:
    return without_noise((name for _, name in texts_of(embeddings)), noise, path)


def _kept(rows: np.ndarray, found: NoiseFound) -> Any:
    return Selected(rows, np.flatnonzero(found.keep)) if found.removed else rows


def _write(
    options: argparse.Namespace,
    result: Identification,
    counts: dict[str, int],
    removed: dict[str, NoiseFound],
) -> None:
    from unequal.support.files import replace_file

    numbers = {
        "protocol": options.protocol,
        "gallery": options.gallery,
        "probes": options.probes or options.gallery,
        "distractors": options.distractors,
        "model": options.model,
        "images": counts,
        "noise_removed": {name: found.removed for name, found in removed.items()},
        "noise_unmatched": {name: found.unmatched for name, found in removed.items()},
        "rank1": result.rank1,
        "cmc": result.cmc.tolist(),
        "tar": {f"{far:g}": tar for far, tar in result.tar.items()},
        "probes_with_mate": result.probes,
        "probes_without_mate": result.mateless,
        "searches": result.searches,
        "genuine_pairs": result.genuine,
        "impostor_pairs": result.impostors,
        "unusable": result.unusable,
        "seconds": result.seconds,
    }
    text = json.dumps(numbers, indent=1) + "\n"
    replace_file(options.output, lambda name: Path(name).write_text(text, encoding="utf-8"))


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m eval.identification",
        description="Rank-1, CMC and TAR@FAR among a gallery and distractors.",
    )
    images = "NAME.npy of eval.embed, or with --model a face set or folder of images"
    parser.add_argument("--gallery", required=True, help=images)
    parser.add_argument(
        "--probes", help="as --gallery (default: its images, each against the others)"
    )
    parser.add_argument("--distractors", help="as --gallery; nobody's mates")
    parser.add_argument(
        "--protocol",
        choices=PROTOCOLS,
        default=PROTOCOLS[0],
        help="gallery: all compete; megaface: each mate alone among the distractors",
    )
    parser.add_argument("--ranks", type=_positive, default=20, help="ranks of the CMC")
    parser.add_argument("--fars", type=_fars, default=FARS, help="'1e-3,1e-4', ...")
    parser.add_argument("--memory", type=_positive, default=512, help="megabytes to work in")
    parser.add_argument("--noise-list", help="images to leave out of gallery and probes")
    parser.add_argument("--distractor-noise-list", help="images to leave out of the distractors")
    parser.add_argument("--output", help="file for the result, as JSON")
    parser.add_argument("--model", help="'prefix,epoch', to embed what is no .npy file")
    add_flags(parser)
    return parser


def _positive(text: str) -> int:
    if not text.isdigit() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"{text!r} is not a whole number of 1 or more")
    return int(text)


def _fars(text: str) -> tuple[float, ...]:
    try:
        fars = tuple(float(part) for part in text.split(","))
    except ValueError:
        fars = (0.0,)
    if not all(0 < far < 1 for far in fars):
        raise argparse.ArgumentTypeError(f"{text!r} is not a list of numbers between 0 and 1")
    return fars


if __name__ == "__main__":
    sys.exit(main())
