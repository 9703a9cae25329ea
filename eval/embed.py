"""Write the embeddings of a face set, a folder of images or a verification set to a file.

    python -m eval.embed --model prefix,epoch --input PATH --output emb.npy

PATH is a folder with train.rec, a train.rec, a folder of images or a verification .bin; the kind
is recognised (see `open_faces`). emb.npy is float32 (images, d); emb.csv beside
it has the columns row, label, name; emb.json says what it was made with and names the images that
could not be decoded, whose rows are NaN. A run that was killed goes on when it is started again.
"""

from __future__ import annotations

import argparse
import sys
from contextlib import closing
from pathlib import Path
from typing import Any, Sequence

from tqdm import tqdm

from eval.embed_parts.extract import Embed, extract
from eval.embed_parts.face_sources import FaceSource, open_faces
from eval.embed_parts.resumable_rows import ResumableRows, files_of
from unequal.checkpoints.checkpoint import Checkpoint, one_checkpoint
from unequal.support.errors import InputError, with_flags

NAMED = 5


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command and return its exit status.

    0, 2 for wrong input or a file that cannot be written, 130 after Ctrl-C.
    """
    options = _parser().parse_args(argv)
    try:
        embed_to(options.input, options.output, options)
    except InputError as error:
        print(f"embed: {with_flags(error, _parser())}", file=sys.stderr)
        return 2
    except OSError as error:
        print(f"embed: {error.filename or options.output}: {error.strerror}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print("embed: interrupted; the same command goes on from here", file=sys.stderr)
        return 130
    return 0


def embed_to(path: str, output: str | Path, options: argparse.Namespace) -> None:
    """Write the embeddings of the faces of `path` to `output`, as `add_flags` has set `options`.

    Raises InputError for wrong input, and where `output` was made or begun with other settings.
    """
    files_of(output)
    checkpoint = one_checkpoint(options.model)
    with closing(open_faces(path)) as source:
        settings = _settings(checkpoint, source, options)
        rows = ResumableRows(output, source.count, settings, options.fresh)
        if rows.done:
            state = "is finished" if rows.done == rows.count else f"goes on at row {rows.done}"
            print(f"{output}: {state}", flush=True)

        def load() -> Embed:
            # only now: MXNet takes seconds to import
            from unequal.checkpoints.embedder import load_embedder
            from unequal.support.devices import usable_devices

            return load_embedder(checkpoint, usable_devices()[0], options.layer)

        with tqdm(
            initial=rows.done,
            total=rows.count,
            desc=Path(output).name,
            unit="image",
            file=sys.stderr,
            leave=False,
            disable=not sys.stderr.isatty(),
        ) as bar:
            extract(
                source,
                load,
                rows,
                min(options.batch_size, source.count),
                flip=options.flip == 1,
                normalize=options.normalize,
                progress=bar.update,
            )
        print(f"{output}: {rows.count} embeddings of {source.kind} {path}", flush=True)
    if rows.unreadable:
        named = ", ".join(rows.unreadable[:NAMED])
        more = f" and {len(rows.unreadable) - NAMED} more" if len(rows.unreadable) > NAMED else ""
        print(
            f"{output}: {len(rows.unreadable)} images cannot be decoded, their rows are NaN: "
            f"{named}{more} (all in {rows.files.about})",
            flush=True,
        )


def _settings(
    checkpoint: Checkpoint, source: FaceSource, options: argparse.Namespace
) -> dict[str, Any]:
    """What the numbers depend on, by the names that a user knows."""
    parameters = Path(checkpoint.params_path).stat()
    return {
        "--model": f"{Path(checkpoint.prefix).resolve()},{checkpoint.epoch}",
        "a parameter file of": f"{parameters.st_size} bytes, {parameters.st_mtime_ns}",
        "--input": str(Path(source.path).resolve()),
        "an --input of": f"{source.count} images, {source.stamp}",
        "kind": source.kind,
        "--layer": options.layer,
        "--flip": options.flip,
        "--normalize": options.normalize,
        "--batch-size": options.batch_size,
    }


def add_flags(parser: argparse.ArgumentParser) -> None:
    """The flags of embedding that do not name files."""
    parser.add_argument("--batch-size", type=_positive, default=64, help="images at a time")
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


def _positive(text: str) -> int:
    if not text.isdigit() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"{text!r} is not a whole number of 1 or more")
    return int(text)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m eval.embed",
        description="Embeddings of many faces, extracted once; run it again to go on.",
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
