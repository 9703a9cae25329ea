"""The page of a contact sheet: which pictures it holds, in what order, and what it says of them."""

from __future__ import annotations

import base64
import hashlib
import logging
import os
import re
from html.parser import HTMLParser
from pathlib import Path

import cv2
import numpy as np
import pytest

from record_fixtures import encode, face, write_face_set, write_plain_set
from recordio_tools import contact_sheet as tool
from recordio_tools.contact_sheet import contact_sheet
from recordio_tools.contact_sheet_parts.page import write_page
from recordio_tools.contact_sheet_parts.sheet_items import Item, Thumbnail
from recordio_tools.contact_sheet_parts.shown_records import SetIdentities
from sets_by_mxnet import set_label
from unequal.faces.face_records import FaceRecords
from unequal.faces.noise_list import NoiseRow, noise_line, write_noise_list
from unequal.support.errors import InputError

IMAGES = (6, 5, 5, 4)
LABELS = [label for label, count in enumerate(IMAGES) for _ in range(count)]
HOSTILE = """<script>alert("x")</script>'&amp;"""
FLAGGED = {2: 0.006, 4: 0.001, 8: 0.004, 9: 0.0005, 13: 0.001, 17: 0.9}


class Page(HTMLParser):
    """What a page holds: its cards, scripts, styles, text, and everything that it refers to."""

    def __init__(self, path: Path) -> None:
        super().__init__()
        self.cards: list[dict] = []
        self.headings: list[str] = []
        self.inside: dict[str, list[str]] = {"script": [], "style": [], "title": []}
        self.policy = ""
        self.addresses: list[str] = []
        self.text = ""
        self._kind = self._tag = ""
        self.feed(path.read_text(encoding="utf-8"))

    def handle_starttag(self, tag, attrs):
        found = dict(attrs)
        self._tag = tag
        assert not any(name.startswith("on") for name in found)
        if tag in self.inside:
            self.inside[tag].append("")
        if tag == "meta" and "http-equiv" in found:
            self.policy = found["content"]
        self.addresses += [found[name] for name in ("src", "href", "action") if name in found]
        if tag == "article":
            self.cards.append({**found, "labelled": [], "predicted": [], "face": [], "text": ""})
            self._kind = "face"
        elif tag == "figure":
            self._kind = found["class"]
        elif tag == "img" or "broken" in found.get("class", ""):
            self.cards[-1][self._kind].append(found)

    def handle_data(self, data):
        if self._tag in self.inside:
            self.inside[self._tag][-1] += data
        else:
            self.text += data
            if self.cards:
                self.cards[-1]["text"] += data
        if self._tag in ("h1", "h2"):
            self.headings.append(data.strip())

    def handle_endtag(self, tag):
        self._tag = ""

    def of(self, key: int) -> dict:
        return next(card for card in self.cards if card["data-record"] == str(key))

    def keys(self, kind: str, key: int) -> list[int]:
        """The records whose pictures a card shows beside it."""
        names = [image.get("id") or image["data-same"] for image in self.of(key)[kind]]
        return [int(re.fullmatch(r"picture(\d+)", name).group(1)) for name in names]

    @property
    def records(self) -> list[int]:
        return [int(card["data-record"]) for card in self.cards]


def row(key: int, largest: float) -> NoiseRow:
    return NoiseRow(LABELS[key - 1], key, np.float32(largest), np.float32(largest / 3))


@pytest.fixture
def faces(tmp_path) -> Path:
    """A set of 20 images, a name for all but the last identity."""
    folder = write_face_set(tmp_path / "faces", IMAGES)
    (folder / "identities.txt").write_text("0 Ann Lee 6\n1 Bob 5\n2 Bob 5\n", encoding="utf-8")
    return folder


@pytest.fixture
def noise_list(tmp_path) -> Path:
    path = tmp_path / "0_noiselist.txt"
    write_noise_list(path, [row(key, largest) for key, largest in FLAGGED.items()])
    return path


def write_scores(path: Path, predicted: dict[int, int]) -> Path:
    """Scores of all images, higher for later ones; flagged ones as the noise list has them."""
    lines = ["label,record,largest,of_label,predicted"]
    for key, label in enumerate(LABELS, start=1):
        found = row(key, FLAGGED.get(key, 0.2 + key / 100))
        of_label = found.of_label if key in FLAGGED else found.largest
        lines.append(f"{label},{key},{found.largest!s},{of_label!s},{predicted.get(key, label)}")
    path.write_text("\n".join(lines) + "\n")
    return path


def bytes_of(image: dict) -> bytes:
    return base64.b64decode(image["src"].partition("base64,")[2])


def refused(data_dir, output, says, capsys, *flags) -> None:
    """The command ends with one line and status 2, and leaves nothing new behind."""
    before = sorted(output.parent.iterdir()) if output.parent.is_dir() else None
    given = ["--data-dir", str(data_dir), "--output", str(output), *map(str, flags)]
    assert tool.main(given) == 2
    told = capsys.readouterr().err
    assert says in told and told.count("\n") == 1
    assert before is None or sorted(output.parent.iterdir()) == before


def test_flagged_images_come_the_surest_noise_first(faces, noise_list, tmp_path, capsys):
    output = tmp_path / "sheet.html"
    flags = ["--data-dir", str(faces), "--output", str(output), "--noise-list", str(noise_list)]
    assert tool.main(flags) == 0
    page = Page(output)
    assert page.records == sorted(FLAGGED, key=lambda key: (np.float32(FLAGGED[key]), key))
    lines = {card["data-line"] + "\n" for card in page.cards}
    assert lines == set(noise_list.read_text().splitlines(keepends=True))
    assert capsys.readouterr().out.splitlines() == [
        f"{output}: 6 of 6 images; open it in a browser",
        "predicted identities are not shown: no scores of this noise pass; see --scores",
    ]


def test_a_card_tells_label_name_and_both_probabilities(faces, noise_list, tmp_path):
    contact_sheet(faces, tmp_path / "sheet.html", noise_list=noise_list)
    text = Page(tmp_path / "sheet.html").of(2)["text"]
    for told in ("Ann Lee", "label0", "record2", "max(P)0.006", "P[label]0.002"):
        assert told in text
    assert "predicted" not in text


def test_a_threshold_shows_only_what_is_below_it(faces, noise_list, tmp_path):
    sheet = contact_sheet(faces, tmp_path / "sheet.html", noise_list=noise_list, threshold=0.004)
    assert Page(tmp_path / "sheet.html").records == [9, 4, 13]  # 0.004 itself is not
    assert sheet.total == 3


def test_references_are_of_the_labelled_identity_and_not_flagged(faces, noise_list, tmp_path):
    contact_sheet(faces, tmp_path / "sheet.html", noise_list=noise_list)
    page = Page(tmp_path / "sheet.html")
    for key in FLAGGED:
        shown = page.keys("labelled", key)
        assert len(shown) == len(set(shown)) == 3
        assert {LABELS[other - 1] for other in shown} == {LABELS[key - 1]}
        assert not set(shown) & set(FLAGGED)
    assert page.keys("labelled", 2) == page.keys("labelled", 4)


def test_pictures_are_the_bytes_of_the_set(faces, noise_list, tmp_path):
    contact_sheet(faces, tmp_path / "sheet.html", noise_list=noise_list)
    page, records = Page(tmp_path / "sheet.html"), FaceRecords(faces)
    for card in page.cards:
        key = int(card["data-record"])
        assert bytes_of(card["face"][0]) == records.read(key)[1]
        assert card["face"][0]["src"].startswith("data:image/jpeg;base64,")
    embedded = {
        image["id"]: bytes_of(image)
        for card in page.cards
        for image in card["labelled"]
        if "src" in image
    }
    assert embedded == {name: records.read(int(name[7:]))[1] for name in embedded}
    lent = {
        image["data-same"]
        for card in page.cards
        for image in card["labelled"]
        if "src" not in image
    }
    assert lent <= set(embedded) and lent


def test_an_identity_without_another_image_says_so(tmp_path):
    faces = write_face_set(tmp_path / "faces", (1, 2))
    write_noise_list(tmp_path / "list.txt", [NoiseRow(0, 1, np.float32(0.1), np.float32(0.1))])
    contact_sheet(faces, tmp_path / "sheet.html", noise_list=tmp_path / "list.txt")
    card = Page(tmp_path / "sheet.html").of(1)
    assert card["labelled"] == [] and "no picture of label 0 that" in card["text"]


@pytest.mark.parametrize("count", [0, 1, 2, 12])
def test_there_are_as_many_references_as_asked_for_and_there_are(
    faces, noise_list, tmp_path, count
):
    contact_sheet(faces, tmp_path / "sheet.html", noise_list=noise_list, references=count)
    page = Page(tmp_path / "sheet.html")
    unflagged = 4  # of identity 0: 6 images, 2 and 4 are flagged
    assert len(page.of(2)["labelled"]) == min(count, unflagged)
    assert "no picture of" not in page.text


def test_scores_beside_the_list_tell_the_predicted_identity(faces, noise_list, tmp_path):
    write_scores(tmp_path / "0_noise_scores.csv", {2: 1, 4: 3})
    sheet = contact_sheet(faces, tmp_path / "sheet.html", noise_list=noise_list)
    page = Page(tmp_path / "sheet.html")
    assert sheet.predicted
    assert "predicted1 Bob" in page.of(2)["text"] and "predicted3" in page.of(4)["text"]
    assert "predictedthe same" in page.of(8)["text"] and not page.of(8)["predicted"]
    assert page.keys("predicted", 4) == [20]  # the surest of identity 3 that is not flagged
    assert page.keys("predicted", 2) == [11]


def test_with_scores_the_surest_images_are_the_references(faces, noise_list, tmp_path):
    write_scores(tmp_path / "other.csv", {})
    contact_sheet(
        faces, tmp_path / "sheet.html", noise_list=noise_list, scores=tmp_path / "other.csv"
    )
    page = Page(tmp_path / "sheet.html")
    assert page.keys("labelled", 2) == [6, 5, 3]
    assert page.keys("labelled", 17) == [20, 19, 18]


def test_scores_of_another_run_are_passed_over_or_refused(
    faces, noise_list, tmp_path, caplog, capsys
):
    path = write_scores(tmp_path / "0_noise_scores.csv", {2: 1})
    path.write_text(path.read_text().replace("0,2,0.006,", "0,2,0.007,"))
    sheet = contact_sheet(faces, tmp_path / "sheet.html", noise_list=noise_list)
    assert not sheet.predicted and "not of the run" in caplog.text
    refused(
        faces,
        tmp_path / "new.html",
        "not of the run",
        capsys,
        "--noise-list",
        noise_list,
        "--scores",
        path,
    )


@pytest.mark.parametrize(
    "text", ["", "label,record\n", "label,record,largest,of_label,predicted\n0,1,0.5,0.5\n"]
)
def test_scores_that_are_none_are_refused(faces, noise_list, tmp_path, capsys, text):
    (tmp_path / "scores.csv").write_text(text)
    refused(
        faces,
        tmp_path / "sheet.html",
        "scores.csv",
        capsys,
        "--noise-list",
        noise_list,
        "--scores",
        tmp_path / "scores.csv",
    )


def test_a_part_is_shown_and_the_next_is_named(faces, noise_list, tmp_path, capsys):
    output = tmp_path / "sheet.html"
    flags = [
        "--data-dir",
        str(faces),
        "--output",
        str(output),
        "--noise-list",
        str(noise_list),
        "--limit",
        "2",
        "--skip",
        "2",
    ]
    assert tool.main(flags) == 0
    told = "This page shows images 3 to 4 of 6. For the next, add --skip 4."
    page = Page(output)
    assert told in capsys.readouterr().out and told in page.text
    assert page.records == [13, 8]
    assert 'data-file="keep_3-4.txt"' in output.read_text()
    assert contact_sheet(faces, output, noise_list=noise_list, skip=4).last == 6
    assert "add --skip" not in output.read_text()


def test_ticks_are_remembered_for_a_list_not_for_a_page(faces, noise_list, tmp_path):
    def digest(**options) -> str:
        contact_sheet(faces, tmp_path / "sheet.html", **options)
        return re.search(r'data-list="(\w+)"', (tmp_path / "sheet.html").read_text()).group(1)

    whole = digest(noise_list=noise_list)
    assert digest(noise_list=noise_list, skip=3, limit=1, threshold=0.5) == whole
    (tmp_path / "2.txt").write_text("".join(noise_list.read_text().splitlines(True)[1:]))
    assert len({whole, digest(noise_list=tmp_path / "2.txt"), digest(identities="0")}) == 3


def test_names_of_strangers_are_text(tmp_path, noise_list):
    faces = write_face_set(tmp_path / "faces", IMAGES)
    (faces / "identities.txt").write_text(f'0 {HOSTILE} 6\n1 "><img src=x> 5\n')
    output = tmp_path / "sheet.html"
    for options in ({"noise_list": noise_list}, {"identities": "0,1"}):
        contact_sheet(faces, output, title=HOSTILE, **options)
        page = Page(output)
        assert len(page.inside["script"]) == len(page.inside["style"]) == 1
        assert page.inside["title"] == [HOSTILE] and HOSTILE in page.headings
        assert page.of(2)["data-name"] == HOSTILE
        assert all(address.startswith("data:image/") for address in page.addresses)


def test_a_name_that_is_no_text_is_shown_as_far_as_it_is(tmp_path):
    faces = write_face_set(tmp_path / "faces", (2,))
    (faces / "identities.txt").write_bytes(b"0 Ren\xe9 2\n")
    contact_sheet(faces, tmp_path / "sheet.html", identities="0")
    assert Page(tmp_path / "sheet.html").of(1)["data-name"] == "Ren?"


def test_the_policy_allows_the_pages_own_script_and_style_only(faces, noise_list, tmp_path):
    contact_sheet(faces, tmp_path / "sheet.html", noise_list=noise_list)
    page = Page(tmp_path / "sheet.html")

    def allowed(text: str) -> str:
        return f"'sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}'"

    assert page.policy == (
        "default-src 'none'; img-src data:; "
        f"style-src {allowed(page.inside['style'][0])}; "
        f"script-src {allowed(page.inside['script'][0])}"
    )
    assert not re.search(r"https?:|\{\{", (tmp_path / "sheet.html").read_text())


def test_larger_images_are_made_smaller_and_unusual_formats_jpeg(tmp_path):
    faces = write_face_set(
        tmp_path / "faces",
        (4,),
        size=40,
        payloads={
            2: encode(face(0, 0, 16), ".png"),
            3: encode(face(0, 0, 16), ".tiff"),
            4: encode(np.zeros((10, 100, 3), np.uint8)),
        },
    )
    contact_sheet(faces, tmp_path / "sheet.html", identities="0", thumbnail=20)
    page, records = Page(tmp_path / "sheet.html"), FaceRecords(faces)
    shapes = {}
    for key in (1, 2, 3, 4):
        image = page.of(key)["face"][0]
        pixels = cv2.imdecode(np.frombuffer(bytes_of(image), np.uint8), cv2.IMREAD_COLOR)
        shapes[key] = (image["src"][:15], *pixels.shape[:2])
        assert (int(image["height"]), int(image["width"])) == pixels.shape[:2]
    assert shapes == {
        1: ("data:image/jpeg", 20, 20),
        2: ("data:image/png;", 16, 16),
        3: ("data:image/jpeg", 16, 16),
        4: ("data:image/jpeg", 2, 20),
    }
    assert bytes_of(page.of(2)["face"][0]) == records.read(2)[1]


def test_broken_images_get_a_box_that_says_why(tmp_path, capsys, caplog):
    faces = write_face_set(tmp_path / "faces", (4, 3), payloads={2: b"", 5: b"no image"})
    offset = int((faces / "train.idx").read_text().split()[2 * 5 + 1])
    torn = bytearray((faces / "train.rec").read_bytes())
    torn[offset + 8 : offset + 12] = b"\xff\xff\xff\x7f"  # a label array without end
    (faces / "train.rec").write_bytes(torn)
    (tmp_path / "records.txt").write_text("1\n2\n5\n6\n")
    output = tmp_path / "sheet.html"
    flags = ["--data-dir", str(faces), "--output", str(output)]
    assert tool.main([*flags, "--records", str(tmp_path / "records.txt")]) == 0
    page = Page(output)
    assert "3 cannot be shown" in capsys.readouterr().out
    assert [r.args[0] for r in caplog.records if r.levelno == logging.WARNING] == [6, 2, 5]
    assert "src" in page.of(1)["face"][0]
    assert page.of(2)["face"][0]["aria-label"].endswith("it is empty")
    assert "OpenCV cannot decode it" in page.of(5)["text"]
    assert page.headings[1] == "broken records" and "too short for its label" in page.of(6)["text"]


def test_broken_images_are_no_references(tmp_path):
    faces = write_face_set(tmp_path / "faces", (4,), payloads={2: b"", 4: b"no image"})
    write_noise_list(tmp_path / "list.txt", [NoiseRow(0, 1, np.float32(0.1), np.float32(0.1))])
    contact_sheet(faces, tmp_path / "sheet.html", noise_list=tmp_path / "list.txt")
    assert Page(tmp_path / "sheet.html").keys("labelled", 1) == [3]


def test_listed_records_are_grouped_by_identity(faces, tmp_path):
    (tmp_path / "records.txt").write_text("17\n3\n\n1 9\n0 2 0.5 0.5\n3\n")
    contact_sheet(faces, tmp_path / "sheet.html", records=tmp_path / "records.txt")
    page = Page(tmp_path / "sheet.html")
    assert page.records == [2, 3, 9, 17]
    assert [card["data-line"] for card in page.cards] == ["0 2", "0 3", "1 9", "3 17"]
    assert page.headings[1:] == ["Ann Lee", "Bob", "label 3"]


@pytest.mark.parametrize(
    ("given", "labels"),
    [("0", {0}), ("Ann Lee", {0}), ("3, 0", {0, 3}), ("Bob", {1, 2}), ("Bob,3,", {1, 2, 3})],
)
def test_identities_are_named_by_label_or_name(faces, tmp_path, given, labels):
    sheet = contact_sheet(faces, tmp_path / "sheet.html", identities=given)
    expected = [key for key, label in enumerate(LABELS, start=1) if label in labels]
    assert Page(tmp_path / "sheet.html").records == expected
    assert sheet.total == len(expected)


def test_an_identity_that_comes_back_later_in_the_set_is_shown_whole(tmp_path):
    source = write_face_set(tmp_path / "set", (2, 1, 3))
    for key in (4, 5, 6):
        set_label(source, key, 0.0)
    known = SetIdentities(FaceRecords(source))
    assert known.keys(0).tolist() == [1, 2, 4, 5, 6] and known.keys(1).tolist() == [3]
    assert contact_sheet(source, tmp_path / "sheet.html", identities="0").total == 5


def test_identities_come_from_a_file_too(faces, tmp_path):
    (tmp_path / "some.txt").write_text("3\nAnn Lee\n")
    contact_sheet(faces, tmp_path / "sheet.html", identities=tmp_path / "some.txt")
    assert {card["data-label"] for card in Page(tmp_path / "sheet.html").cards} == {"0", "3"}


def test_a_set_of_im2rec_is_shown_too(tmp_path):
    faces = write_plain_set(tmp_path / "faces", {0: 1, 3: 0, 2: 1, 5: 1, 6: 1})
    (tmp_path / "list.txt").write_text("1 0 0.5 0.25\n")
    contact_sheet(faces, tmp_path / "sheet.html", noise_list=tmp_path / "list.txt")
    page = Page(tmp_path / "sheet.html")
    assert page.records == [0] and page.keys("labelled", 0) == [2, 5, 6]


def test_a_list_that_flags_nothing_gives_a_page_that_says_so(faces, tmp_path):
    (tmp_path / "0_noiselist.txt").write_text("")
    sheet = contact_sheet(faces, tmp_path / "sheet.html", noise_list=tmp_path / "0_noiselist.txt")
    assert sheet.total == sheet.images == 0
    assert "0 images" in Page(tmp_path / "sheet.html").text


@pytest.mark.parametrize(
    ("line", "says"),
    [
        ("0 999 0.1 0.1", "record 999 is no image"),
        ("0 21 0.1 0.1", "record 21 is no image"),
        ("2 1 0.1 0.1", "record 1 of"),
        ("1 x 0.1 0.1", "line 1"),
        ("1 2 0.1", "line 1"),
    ],
)
def test_noise_lists_that_do_not_fit_are_refused(faces, tmp_path, capsys, line, says):
    (tmp_path / "list.txt").write_text(line + "\n")
    refused(faces, tmp_path / "sheet.html", says, capsys, "--noise-list", tmp_path / "list.txt")


@pytest.mark.parametrize(
    ("flags", "says"),
    [
        (["--records", "missing.txt"], "missing.txt: No such file"),
        (["--identities", "Carl"], "--identities Carl"),
        (["--identities", ","], "--identities: names no identity"),
        (["--identities", "9"], "--identities 9"),
        (["--identities", "0", "--skip", "6"], "--skip 6"),
        (["--identities", "0", "--skip", "-1"], "--skip -1"),
        (["--identities", "0", "--limit", "0"], "--limit 0"),
        (["--identities", "0", "--thumbnail", "8"], "--thumbnail 8"),
        (["--identities", "0", "--references", "13"], "--references 13"),
        (["--identities", "0", "--threshold", "0.1"], "belong to --noise-list"),
        (["--noise-list", "0_noiselist.txt", "--threshold", "0"], "--threshold 0"),
        (["--noise-list", "missing.txt"], "missing.txt"),
    ],
)
def test_flags_that_make_no_sense_are_refused(
    faces, noise_list, tmp_path, monkeypatch, capsys, flags, says
):
    monkeypatch.chdir(tmp_path)
    refused(faces, tmp_path / "sheet.html", says, capsys, *flags)


@pytest.mark.parametrize("text", ["x\n", "1.5\n", "-3\n", "1e999\n"])
def test_record_lists_that_are_none_are_refused(faces, tmp_path, capsys, text):
    (tmp_path / "records.txt").write_text("4\n" + text)
    refused(
        faces,
        tmp_path / "sheet.html",
        "records.txt, line 2",
        capsys,
        "--records",
        tmp_path / "records.txt",
    )


def test_other_files_are_not_overwritten(faces, noise_list, tmp_path, capsys):
    for output in (noise_list, faces / "train.rec"):
        content = output.read_bytes()
        refused(faces, output, "is another file", capsys, "--noise-list", noise_list)
        assert output.read_bytes() == content
    refused(faces, faces, "is a folder", capsys, "--noise-list", noise_list)
    refused(faces, tmp_path / "none" / "sheet.html", "no folder", capsys, "--identities", "0")


def test_an_older_page_is_replaced_when_the_new_one_is_whole(faces, noise_list, tmp_path):
    output = tmp_path / "sheet.html"
    contact_sheet(faces, output, identities="0")
    older = output.read_bytes()
    noise_list.write_text(noise_list.read_text() + "1 1 0.95 0.5\n")  # the last card: label 0
    with pytest.raises(InputError, match="label 0, not 1"):
        contact_sheet(faces, output, noise_list=noise_list)
    assert output.read_bytes() == older
    assert not [name for name in os.listdir(tmp_path) if name.endswith(".tmp")]
    contact_sheet(faces, output, identities="3")
    assert Page(output).records == [17, 18, 19, 20]


@pytest.mark.parametrize("flagged", [True, False])
def test_cards_are_written_one_by_one(flagged):
    class File:
        written = ""

        def write(self, text: str) -> None:
            self.written += text

    file, counts = File(), []

    def items():
        for key in range(1, 6):
            counts.append(file.written.count("<article"))
            found = NoiseRow(0, key, np.float32(0.1), np.float32(0.1)) if flagged else None
            yield Item(key, 0, "", Thumbnail(key, reason="none"), found)

    texts = dict.fromkeys(("title", "about", "part", "digest", "file"), "")
    write_page(file, {**texts, "flagged": flagged, "side": 128}, items())
    assert counts == [0, 1, 2, 3, 4]


def test_a_row_of_a_card_is_the_line_of_the_list(faces, tmp_path):
    found = NoiseRow(0, 1, np.float32(1 / 3), np.float32(1e-30))
    write_noise_list(tmp_path / "list.txt", [found])
    contact_sheet(faces, tmp_path / "sheet.html", noise_list=tmp_path / "list.txt")
    assert Page(tmp_path / "sheet.html").of(1)["data-line"] + "\n" == noise_line(found)
