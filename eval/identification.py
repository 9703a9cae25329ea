"""Identification of faces among a gallery and distractors: rank-1, CMC and TAR@FAR.

    python -m eval.identification --gallery G.npy --probes P.npy --distractors D.npy

The files are those of eval.embed. With --model, which then embeds them, they may also be face sets
or folders. Without --probes every gallery image is searched for among the others.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
from pathlib import Path
from typing import Any, NamedTuple, Sequence

import numpy as np

from eval.embed import add_flags, embed_to, settings_of
from eval.embed_parts.embedding_files import labels_of, open_embeddings, texts_of
from eval.flag_types import positive, progress_bar
from eval.identification_parts.identify import (
    FARS,
    PROTOCOLS,
    IdentificationResult,
    identify,
)
from eval.identification_parts.noise_names import NoiseFound, read_noise_names, without_noise
from eval.identification_parts.similarities import Selected
from unequal.support import command_line
from unequal.support.errors import InputError, with_flags
from unequal.support.files import replace_file

SHOWN_RANKS = (1, 2, 5, 10, 20, 50, 100)
MEGABYTE = 2**20


class Role(NamedTuple):
    """Gallery, probes or distractors, without the images that a noise list names."""

    rows: Any  # embeddings (n, d)
    labels: np.ndarray  # strings (n,)
    found: NoiseFound | None  # what the noise list has found, None without a list


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command and return its exit status (see `unequal.support.command_line.run`)."""
    return command_line.run(_parser(), _run, argv, "identification: ", "interrupted")


def run(argv: Sequence[str] | None = None) -> None:
    """Do what the command does; InputError, which names its flags, and OSError pass through."""
    parser = _parser()
    try:
        _run(parser.parse_args(argv))
    except InputError as error:
        raise InputError(with_flags(error, parser)) from error


def _run(options: argparse.Namespace) -> None:
    if options.output and not Path(options.output).parent.is_dir():
        raise InputError(f"`output` {options.output}: there is no such folder: make it first")
    if options.distractor_noise_list and not options.distractors:
        raise InputError("`distractor_noise_list`: needs `distractors`")
    parts = _parts(options)
    for name, part in parts.items():
        if part.found is not None:
            print(
                f"{name}: {part.found.removed} images removed by the noise list; "
                f"{part.found.unmatched} of its {part.found.entries} entries fit none",
                flush=True,
            )
    gallery = parts["gallery"]
    probes = parts.get("probes", gallery)
    distractors = parts["distractors"].rows if "distractors" in parts else gallery.rows[:0]
    rows = {"gallery": gallery.rows, "probes": probes.rows, "distractors": distractors}
    counts = {name: len(each) for name, each in rows.items()}
    pairs = counts["probes"] * (counts["gallery"] + counts["distractors"])
    with progress_bar(pairs, "pair", unit_scale=True) as bar:
        result = identify(
            gallery.rows,
            gallery.labels,
            probes.rows,
            probes.labels,
            distractors,
            fars=options.fars,
            ranks=options.ranks,
            memory=options.memory * MEGABYTE,
            same_set="probes" not in parts,
            protocol=options.protocol,
            progress=bar.update,
        )
    print("\n".join(table(result, counts, options.protocol)), flush=True)
    if options.output:
        _write(options, result, counts, parts)


def _parts(options: argparse.Namespace) -> dict[str, Role]:
    """Return 'gallery', 'probes' if they are other images, 'distractors' if there are any."""
    given = {"gallery": options.gallery}
    if options.probes and Path(options.gallery).resolve() != Path(options.probes).resolve():
        given["probes"] = options.probes
    if options.distractors:
        given["distractors"] = options.distractors
    with tempfile.TemporaryDirectory(prefix="unequal-identification-") as folder:
        return {role: _part(path, role, options, Path(folder)) for role, path in given.items()}


def _part(given: str, role: str, options: argparse.Namespace, folder: Path) -> Role:
    path = _embedded(given, role, options, folder)
    rows, nobody = open_embeddings(path), role == "distractors"
    labels = np.full(len(rows), "") if nobody else labels_of(path, len(rows))
    noise = options.distractor_noise_list if nobody else options.noise_list
    if not noise:
        return Role(rows, labels, None)
    names = (name for _, name in texts_of(path, len(rows)))
    found = without_noise(names, read_noise_names(noise), noise)
    kept = Selected(rows, np.flatnonzero(found.keep)) if found.removed else rows
    return Role(kept, labels[found.keep], found)


def _embedded(path: str, role: str, options: argparse.Namespace, folder: Path) -> Path:
    """Return the .npy file of `path`, made beside --output, else in `folder`, if need be."""
    if path.endswith(".npy"):
        return Path(path)
    if not options.model:
        raise InputError(f"`{role}` {path}: is no .npy file: give `model` to embed it with")
    output = folder / f"{role}.npy"
    if options.output:
        output = Path(options.output).with_name(f"{Path(options.output).stem}.{role}.npy")
    embed_to(path, output, settings_of(options))
    return output


def table(result: IdentificationResult, counts: dict[str, int], protocol: str) -> list[str]:
    """Return the lines that show a result; `counts` are images of 'gallery', 'probes', ...."""
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


def _write(
    options: argparse.Namespace,
    result: IdentificationResult,
    counts: dict[str, int],
    parts: dict[str, Role],
) -> None:
    found = {name: part.found for name, part in parts.items() if part.found is not None}
    numbers = {
        "protocol": options.protocol,
        "gallery": options.gallery,
        "probes": options.probes or options.gallery,
        "distractors": options.distractors,
        "model": options.model,
        "images": counts,
        "noise_removed": {name: each.removed for name, each in found.items()},
        "noise_unmatched": {name: each.unmatched for name, each in found.items()},
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
    parser.add_argument("--ranks", type=positive, default=20, help="ranks of the CMC")
    parser.add_argument("--fars", type=_fars, default=FARS, help="'1e-3,1e-4', ...")
    parser.add_argument("--memory", type=positive, default=512, help="megabytes to work in")
    parser.add_argument("--noise-list", help="images to leave out of gallery and probes")
    parser.add_argument("--distractor-noise-list", help="images to leave out of the distractors")
    parser.add_argument("--output", help="file for the result, as JSON")
    parser.add_argument("--model", help="'prefix,epoch', to embed what is no .npy file")
    add_flags(parser)
    return parser


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
