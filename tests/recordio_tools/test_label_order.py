"""Which path of a list comes again."""

from __future__ import annotations

from recordio_tools.make_parts.label_order import LabelOrder


def test_of_many_repeated_paths_the_first_of_the_list_is_named(tmp_path):
    paths = [f"{number}.jpg" for number in range(50)]
    lines = [*reversed(paths), "once.jpg", *paths, "7.jpg"]
    (tmp_path / "x.lst").write_text("".join(f"1\t{path}\t0\n" for path in lines))
    found = LabelOrder(tmp_path / "x.lst")
    assert (found.images, found.repeated, found.repeated_path) == (102, 51, "49.jpg")
