"""Pack a list of image pairs into a verification set, NAME.bin, in InsightFace's format.

PAIRS is LFW's pairs.txt; its images are ROOT/name/name_0001.jpg, or .png and so on. Or it has lines

  path1,path2,issame      issame: 0, 1, false or true; commas or tabs; a header may come first

with paths below ROOT. The pairs keep their order, because the folds of the accuracy depend on it.
The bytes of the image files stay as they are. The images must decode and have one size, that of the
aligned faces of the training set (see recordio_tools.align). Python 2 and 3 read the file, Python 3
by pickle.load(file, encoding="bytes").
"""

from __future__ import annotations

import argparse
import logging
import os
import pickle
import struct
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, Iterable, Iterator, NamedTuple

from recordio_tools.pack_pairs_parts.pair_list import ListedPair, read_pair_list
from unequal.faces.decoding import BadImage, decode_rgb
from unequal.faces.image_size import add_size, check_size, size_of_flag
from unequal.support.command_line import add_output, main_of, make_parser, progress
from unequal.support.errors import InputError
from unequal.support.files import replace_file
from unequal.support.output_file import refuse_existing
from unequal.support.output_folder import refuse_input_as_output

EXAMPLE = """\
  python -m recordio_tools.pack_pairs --pairs pairs.txt --images lfw_aligned --output faces/lfw.bin
  python -m eval.verification --model model,1 --data-dir faces --target lfw"""
SUFFIXES = (".jpg", ".jpeg", ".png", ".JPG", ".JPEG", ".PNG", ".bmp", ".webp")
FEWEST_PAIRS = 2
logger = logging.getLogger(__name__)


class PackedPairs(NamedTuple):
    """What was packed."""

    output: Path
    pairs: int
    same: int  # pairs of one person
    left_out: int
    size: tuple[int, int]  # (height, width) of the images, pixels


class _Unusable(Exception):
    """An image that is missing or broken; the text tells which and why."""


def pack_pairs(
    pairs: str | Path,
    images: str | Path,
    output: str | Path,
    *,
    size: tuple[int, int] | None = None,
    names_suffix: str = SUFFIXES[0],
    skip_missing: bool = False,
    overwrite: bool = False,
) -> PackedPairs:
    """Pack pairs as the module's docstring describes.

    Args:
        pairs: the list.
        images: the folder of its paths.
        output: the file to make; it appears when everything is written.
        size: (height, width) that the images must have; by default that of the first.
        names_suffix: the suffix of the images of LFW's list; where there is no such file, usual
            suffixes are tried.
        skip_missing: leave out, with a warning, pairs with an image that is missing or broken.
        overwrite: replace an older file.

    Raises:
        InputError: a line is no pair, an image is missing or broken (without `skip_missing`) or
            has another size, fewer than two pairs are left, or `output` exists already or cannot
            be written.
    """
    refuse_input_as_output(output, pairs)
    check_size(size)
    if Path(output).parent.is_dir():
        refuse_existing("output", output, overwrite)
    if not Path(images).is_dir():
        raise InputError(f"`images` {images}: no such folder; name the one that the paths start in")
    # the list is read to its end first, so that a bad line is told before an hour of work
    total = sum(1 for _ in read_pair_list(pairs))
    first = names_suffix if names_suffix.startswith(".") else f".{names_suffix}"
    suffixes = list(dict.fromkeys([first, *SUFFIXES]))
    packer = _Packer(pairs, Path(images), size, suffixes, skip_missing, size is not None)

    def write(name: str) -> None:
        with open(name, "wb") as file:
            shown = progress(read_pair_list(pairs), total, "pair")
            count = _write_pair_pickle(file, packer.usable(shown))
        if count < FEWEST_PAIRS:
            raise InputError(f"{pairs}: {count} pairs with images; verification needs 2 or more")

    try:
        Path(output).parent.mkdir(parents=True, exist_ok=True)
        replace_file(output, write)
    except OSError as error:
        raise InputError(
            f"`output` {output}: cannot be written ({error.strerror or error}); choose another"
        ) from error
    assert packer.size is not None, "two pairs or more were written"
    return PackedPairs(Path(output), packer.pairs, packer.same, packer.left_out, packer.size)


def _write_pair_pickle(file: BinaryIO, pairs: Iterable[tuple[bytes, bytes, bool]]) -> int:
    """Write (image, image, whether they show one person) as a pickled (images, issame).

    Only the flags are held in memory. Returns the number of pairs.
    """
    # The images are strings of Python 2 in protocol 2, as in the lfw.bin that the InsightFace
    # project publishes. They are read by pickle.load(f) in Python 2 and by
    # pickle.load(f, encoding="bytes") in Python 3. Python 3's own form of bytes for Python 2 would
    # not need `encoding`. But it calls a function (_codecs.encode), which careful readers refuse;
    # it makes the file half as large again; and its pickler keeps every image in memory.
    flags = bytearray()
    file.write(pickle.PROTO + b"\x02" + pickle.EMPTY_LIST + pickle.MARK)
    for first, second, same in pairs:
        for image in (first, second):
            file.write(pickle.BINSTRING + struct.pack("<i", len(image)))
            file.write(image)
        flags += pickle.NEWTRUE if same else pickle.NEWFALSE
    file.write(pickle.APPENDS + pickle.EMPTY_LIST + pickle.MARK)
    file.write(flags)
    file.write(pickle.APPENDS + pickle.TUPLE2 + pickle.STOP)
    return len(flags)


@dataclass
class _Packer:
    """Reads and checks the images of listed pairs, and counts."""

    listed: str | Path
    root: Path
    size: tuple[int, int] | None  # (height, width), pixels; None until it is known
    suffixes: list[str]  # of images without one, in the order in which they are tried
    skip_missing: bool
    size_is_given: bool
    pairs: int = 0
    same: int = 0
    left_out: int = 0

    def usable(self, pairs: Iterator[ListedPair]) -> Iterator[tuple[bytes, bytes, bool]]:
        """Yield both images of each pair, and whether they show one person."""
        for pair in pairs:
            try:
                first, second = (self._read(pair, path) for path in (pair.first, pair.second))
            except _Unusable as error:
                if not self.skip_missing:
                    raise InputError(
                        f"{self.listed}, line {pair.line}: {error}; fix it, check `images`, or "
                        "leave such pairs out with `skip_missing`"
                    ) from error
                self.left_out += 1
                logger.warning("%s, line %d is left out: %s", self.listed, pair.line, error)
                continue
            self.pairs += 1
            self.same += pair.same
            yield first, second, pair.same

    def _read(self, pair: ListedPair, name: str) -> bytes:
        path = self._find(pair, name)
        if "\0" in name:
            raise _Unusable(f"{name[:60]!r}: a path with a zero byte")
        try:
            image = path.read_bytes()
            height, width = decode_rgb(image).shape[:2]
        except OSError as error:
            raise _Unusable(f"{path}: {error.strerror or error}") from error
        except BadImage as error:
            raise _Unusable(f"{path}: {error}") from error
        self.size = self.size or (height, width)
        if (height, width) != self.size:
            source = "`size` asks for" if self.size_is_given else "those before have"
            raise InputError(
                f"{self.listed}, line {pair.line}: {path} is {height}x{width} pixels, where "
                f"{source} {self.size[0]}x{self.size[1]}; align the faces first: python -m "
                "recordio_tools.align"
            )
        return image

    def _find(self, pair: ListedPair, name: str) -> Path:
        if not pair.bare:
            return self.root / name
        paths = [self.root / f"{name}{suffix}" for suffix in self.suffixes]
        return next((path for path in paths if os.path.isfile(path)), paths[0])


def _work(args: argparse.Namespace) -> None:
    options = vars(args)
    options["size"] = size_of_flag(args.size)
    summary = pack_pairs(**options)
    height, width = summary.size
    print(
        f"{summary.output}: {summary.pairs} pairs, {summary.same} of one person, images of "
        f"{height}x{width} pixels"
    )
    if summary.left_out:
        print(f"{summary.left_out} pairs left out")


def _parser() -> argparse.ArgumentParser:
    parser = make_parser("pack_pairs", __doc__, EXAMPLE)
    parser.add_argument("--pairs", required=True, help="list of pairs")
    parser.add_argument(
        "--images", required=True, metavar="ROOT", help="folder that the list's paths start in"
    )
    add_output(parser, "the .bin file to make")
    add_size(parser, "that images must have (default: those of the first)")
    parser.add_argument(
        "--names-suffix",
        default=SUFFIXES[0],
        metavar=".EXT",
        help="suffix of the files of LFW's list, others are tried next (default %(default)s)",
    )
    parser.add_argument(
        "--skip-missing",
        action="store_true",
        help="leave out pairs whose images are missing or broken; that makes another benchmark",
    )
    return parser


main = main_of(_parser, _work)

if __name__ == "__main__":
    sys.exit(main())
