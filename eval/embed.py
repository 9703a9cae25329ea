"""Write the embeddings of a face set, a folder of images or a verification set to a file.

    python -m eval.embed --model prefix,epoch --input PATH --output emb.npy

PATH is a folder with train.rec, a train.rec, a folder of images or a verification .bin; the kind
is recognised (see `open_faces`). emb.npy is float32 (images, d). emb.csv beside it has the columns
row, label, name. emb.json says how it was made, and names the images that could not be decoded,
whose rows are NaN. A run that was killed is resumed when it is started again.
"""

from __future__ import annotations

import argparse
import sys
import time
from contextlib import closing
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any, Callable, Sequence

import numpy as np

from eval.embed_parts.embedding_files import ResumableRows
from eval.embed_parts.face_sources import (
    FaceBatch,
    FaceSource,
    face_batches,
    file_stamp,
    open_faces,
)
from eval.flag_types import positive, progress_bar
from unequal.checkpoints.checkpoint import Checkpoint, one_checkpoint
from unequal.support.command_line import run
from unequal.support.pipelining import mirror_pusher, one_behind, pusher

NAMED = 5
COMMIT_SECONDS = 5.0


@dataclass(frozen=True)
class EmbedSettings:
    """How images are embedded; the fields are named as the flags are."""

    model: str  # the checkpoint, 'prefix,epoch'
    layer: str  # the output of the graph to take
    batch_size: int  # images at a time
    flip: int  # 1: add the embedding of the mirror image; 0: do not
    normalize: bool  # whether embeddings are scaled to length 1
    fresh: bool  # whether to begin anew, and replace what is there


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command and return its exit status (see `unequal.support.command_line.run`)."""
    ended = "interrupted; the same command resumes from here"

    def work(options: argparse.Namespace) -> None:
        embed_to(options.input, options.output, settings_of(options))

    return run(_parser(), work, argv, "embed: ", ended)


def embed_to(path: str, output: str | Path, settings: EmbedSettings) -> None:
    """Write the embeddings of the faces of `path` to `output`.

    Raises:
        InputError: an input is wrong, or `output` was made or begun with other settings.
    """
    checkpoint = one_checkpoint(settings.model)
    with closing(open_faces(path)) as source:
        facts = _facts(checkpoint, source, settings)
        rows = ResumableRows(output, source.count, facts, settings.fresh)
        if rows.done:
            state = "is finished" if rows.done == rows.count else f"resumes at row {rows.done}"
            print(f"{output}: {state}", flush=True)
        if rows.done < rows.count:
            embed = _embedder(checkpoint, settings.layer)
            batch_size = min(settings.batch_size, source.count)
            flip, normalize = settings.flip == 1, settings.normalize
            name = Path(output).name
            with progress_bar(rows.count, "image", initial=rows.done, desc=name) as bar:
                extract(source, embed, rows, batch_size, flip, normalize, bar.update)
        rows.finish()
        print(f"{output}: {rows.count} embeddings of {source.kind} {path}", flush=True)
    if rows.unreadable:
        more = len(rows.unreadable) - NAMED
        print(
            f"{output}: {len(rows.unreadable)} images cannot be decoded, their rows are NaN: "
            f"{', '.join(rows.unreadable[:NAMED])}{f' and {more} more' if more > 0 else ''} "
            f"(all in {rows.files.about})",
            flush=True,
        )


def _embedder(checkpoint: Checkpoint, layer: str) -> Callable[[np.ndarray], np.ndarray]:
    # only now: MXNet takes seconds to import
    from unequal.checkpoints.embedder import load_embedder
    from unequal.support.devices import usable_devices

    return load_embedder(checkpoint, usable_devices()[0], layer)


def extract(
    source: FaceSource,
    embed: Callable[[np.ndarray], np.ndarray],
    rows: ResumableRows,
    batch_size: int,
    flip: bool = True,
    normalize: bool = False,
    progress: Callable[[int], object] = lambda count: None,
    commit_seconds: float = COMMIT_SECONDS,
) -> None:
    """Append the embeddings that `rows` lacks.

    An image that cannot be decoded has a row of NaN.

    Args:
        source: the images.
        embed: maps uint8 RGB images (batch_size, 3, height, width) to embeddings (batch_size, d).
            It sees the same images together however often the work was interrupted, so the
            results do not depend on that.
        rows: where the embeddings go.
        batch_size: images at a time.
        flip: add the embedding of the mirror image, as verification does.
        normalize: scale each embedding to length 1.
        progress: called with the number of rows that each batch has added.
        commit_seconds: the time after which finished rows are made safe.

    Raises:
        InputError: as `face_batches` and `embed` do. What was embedded until then is kept.
    """
    push = mirror_pusher(embed) if flip else lambda images: (pusher(embed)(images),)
    committed = time.monotonic()
    batches = face_batches(source, rows.done, batch_size)
    try:
        for batch, parts in one_behind((batch, push(batch.images)) for batch in batches):
            _append(rows, batch, parts, normalize)
            progress(len(batch.texts))
            if time.monotonic() - committed >= commit_seconds:
                rows.commit()
                committed = time.monotonic()
    finally:
        rows.close()


def _append(rows: ResumableRows, batch: FaceBatch, parts: tuple, normalize: bool) -> None:
    embeddings = np.sum([np.asarray(part, np.float64) for part in parts], axis=0)
    embeddings = embeddings[: len(batch.texts)]
    if normalize:
        lengths = np.linalg.norm(embeddings, axis=1, keepdims=True)
        embeddings = embeddings / np.where(lengths > 0, lengths, 1)
    embeddings[~batch.readable] = np.nan
    unreadable = [name for (_, name), good in zip(batch.texts, batch.readable) if not good]
    rows.append(embeddings.astype(np.float32), batch.texts, unreadable)


def _facts(checkpoint: Checkpoint, source: FaceSource, settings: EmbedSettings) -> dict[str, Any]:
    """Return what the numbers depend on, by the names that a user knows."""
    return {
        "--model": f"{Path(checkpoint.prefix).resolve()},{checkpoint.epoch}",
        "a parameter file of": file_stamp(checkpoint.params_path),
        "--input": str(Path(source.path).resolve()),
        "an --input of": f"{source.count} images, {source.stamp}",
        "kind": source.kind,
        "--layer": settings.layer,
        "--flip": settings.flip,
        "--normalize": settings.normalize,
        "--batch-size": settings.batch_size,
    }


def add_flags(parser: argparse.ArgumentParser) -> None:
    """Add the flags of embedding that do not name files."""
    parser.add_argument("--batch-size", type=positive, default=64, help="images at a time")
    parser.add_argument(
        "--flip",
        type=int,
        choices=(0, 1),
        default=1,
        help="1: add the embedding of the mirror image, as verification does (default)",
    )
    parser.add_argument("--normalize", action="store_true", help="embeddings of length 1")
    parser.add_argument("--layer", default="fc1_output", help="output of the graph to take")
    parser.add_argument(
        "--fresh", action="store_true", help="begin anew, and replace what is there"
    )


def settings_of(options: argparse.Namespace) -> EmbedSettings:
    """Return what the flags of `add_flags` and --model say."""
    return EmbedSettings(
        **{field.name: getattr(options, field.name) for field in fields(EmbedSettings)}
    )


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m eval.embed",
        description="Embeddings of many faces, extracted once; run it again to resume.",
    )
    parser.add_argument("--model", required=True, help="'prefix,epoch' of a checkpoint")
    parser.add_argument(
        "--input",
        required=True,
        help="face set (folder or train.rec), folder of images, or verification .bin",
    )
    parser.add_argument(
        "--output", required=True, help="NAME.npy; NAME.csv and NAME.json come beside it"
    )
    add_flags(parser)
    return parser


if __name__ == "__main__":
    sys.exit(main())
