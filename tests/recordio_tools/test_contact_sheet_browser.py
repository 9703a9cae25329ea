"""A contact sheet as people use it: opened from a file in Chromium, sorted, ticked and saved."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from browser import Browser
from record_fixtures import write_face_set
from recordio_tools.contact_sheet import contact_sheet
from unequal.faces.noise_list import NoiseRow, read_noise_list, write_noise_list

IMAGES = (12, 10, 10, 8)
LABELS = [label for label, count in enumerate(IMAGES) for _ in range(count)]
LONG_NAME = "Maximiliane_" * 12
RECORDS = "[...document.querySelectorAll('.card:not([hidden])')].map(c => +c.dataset.record)"
TICKED = "[...document.querySelectorAll('.card:has(input:checked)')].map(c => +c.dataset.record)"
FOCUSED = "+document.activeElement.closest('.card')?.dataset.record"
LOADED = """(async () => {
  for (let y = 0; y < document.body.scrollHeight; y += innerHeight / 2) {
    scrollTo(0, y);
    await new Promise(requestAnimationFrame);
  }
  const images = [...document.images];
  await Promise.all(images.map((image) => image.decode()));
  return images.map((image) => image.naturalWidth);
})()"""
ARROWS = {"ArrowLeft": 37, "ArrowUp": 38, "ArrowRight": 39, "ArrowDown": 40}


@pytest.fixture
def browser(chromium):
    """The browser with a window of 1280x800 and nothing remembered; no page may complain."""
    chromium.complaints.clear()
    chromium.requested.clear()
    chromium.resize(1280, 800)
    yield chromium
    chromium.evaluate("localStorage.clear()")
    assert chromium.complaints == []
    assert {address.partition(":")[0] for address in chromium.requested} <= {"file", "blob"}


@pytest.fixture(scope="module")
def faces(tmp_path_factory) -> Path:
    folder = write_face_set(tmp_path_factory.mktemp("set") / "faces", IMAGES)
    (folder / "identities.txt").write_text(f'0 Ann 12\n1 <b>Bo"b</b> 10\n2 {LONG_NAME} 10\n')
    return folder


def rows() -> list[NoiseRow]:
    """Every third image, with probabilities in no order."""
    random = np.random.RandomState(5)
    return [
        NoiseRow(LABELS[key - 1], key, *np.sort(random.rand(2).astype(np.float32))[::-1])
        for key in range(1, sum(IMAGES) + 1, 3)
    ]


@pytest.fixture
def sheet(faces, tmp_path, browser) -> Path:
    """The opened page of a noise list."""
    write_noise_list(tmp_path / "0_noiselist.txt", rows())
    lines = ["label,record,largest,of_label,predicted"]
    by_key = {row.key: row for row in rows()}
    for key, label in enumerate(LABELS, start=1):
        row = by_key.get(key, NoiseRow(label, key, np.float32(0.9), np.float32(0.9)))
        lines.append(f"{label},{key},{row.largest!s},{row.of_label!s},{(label + key) % 4}")
    (tmp_path / "0_noise_scores.csv").write_text("\n".join(lines))
    output = tmp_path / "sheet.html"
    contact_sheet(faces, output, noise_list=tmp_path / "0_noiselist.txt")
    browser.open(output)
    return output


def click(browser: Browser, selector: str) -> None:
    browser.evaluate(f"document.querySelector({selector!r}).click()")


def tick(browser: Browser, *keys: int) -> None:
    for key in keys:
        click(browser, f"#tick{key}")


def choose(browser: Browser, field: str, value: str) -> None:
    """Give a field a value as a user does; the page is told."""
    browser.evaluate(f"""(() => {{
      const field = document.getElementById({field!r});
      field.value = {value!r};
      for (const kind of ["input", "change"]) field.dispatchEvent(new Event(kind));
    }})()""")


@pytest.mark.parametrize("width", [1280, 400])
def test_all_thumbnails_load(sheet, browser, width):
    browser.resize(width, 800)
    widths = browser.evaluate(LOADED)
    flagged = len(rows())
    assert len(widths) > 4 * flagged - 10 and set(widths) == {16}


def test_sorting_changes_the_order(sheet, browser):
    orders = {
        "largest": lambda row: (row.largest, row.key),
        "ofLabel": lambda row: (row.of_label, row.key),
        "label": lambda row: (row.label, row.key),
        "record": lambda row: row.key,
    }
    seen = [browser.evaluate(RECORDS)]
    assert seen == [[row.key for row in sorted(rows(), key=orders["largest"])]]
    for name, key in orders.items():
        choose(browser, "sort", name)
        seen.append(browser.evaluate(RECORDS))
        assert seen[-1] == [row.key for row in sorted(rows(), key=key)]
    assert len(set(map(tuple, seen))) >= 3


def test_the_saved_keep_list_holds_exactly_the_ticked_rows(sheet, browser):
    assert browser.evaluate("document.getElementById('save').disabled")
    tick(browser, 4, 13, 31, 22)
    tick(browser, 13)  # and not after all
    choose(browser, "sort", "record")
    click(browser, "#save")
    saved = browser.downloaded()
    assert saved.name == "keep.txt"
    kept = list(read_noise_list(saved))
    assert {row.key for row in kept} == {4, 31, 22}
    assert set(kept) == {row for row in rows() if row.key in (4, 31, 22)}
    given = (sheet.parent / "0_noiselist.txt").read_text().splitlines()
    assert set(saved.read_text().splitlines()) <= set(given)


def test_a_reload_loses_nothing(sheet, browser):
    tick(browser, 7, 10)
    choose(browser, "sort", "label")
    browser.reload()
    assert set(browser.evaluate(TICKED)) == {7, 10}
    order = [row.key for row in sorted(rows(), key=lambda row: (row.label, row.key))]
    assert browser.evaluate(RECORDS) == order
    assert browser.evaluate("document.getElementById('count').textContent").startswith("2 of 14")
    tick(browser, 7)
    browser.reload()
    assert browser.evaluate(TICKED) == [10]


def test_parts_of_a_list_remember_together_and_save_apart(sheet, faces, browser):
    order = [row.key for row in sorted(rows(), key=lambda row: row.largest)]
    tick(browser, order[0], order[9])
    part = sheet.with_name("part.html")
    contact_sheet(faces, part, noise_list=sheet.with_name("0_noiselist.txt"), limit=5, skip=5)
    browser.open(part)
    assert browser.evaluate(RECORDS) == order[5:10]
    assert browser.evaluate(TICKED) == [order[9]]
    tick(browser, order[7])
    click(browser, "#save")
    saved = browser.downloaded()
    assert saved.name == "keep_6-10.txt"
    assert {row.key for row in read_noise_list(saved)} == {order[7], order[9]}
    browser.open(sheet)
    assert set(browser.evaluate(TICKED)) == {order[0], order[7], order[9]}


def test_another_list_starts_without_ticks(sheet, faces, browser):
    tick(browser, 7)
    other = sheet.with_name("other.txt")
    write_noise_list(other, rows()[1:])
    contact_sheet(faces, sheet, noise_list=other)
    browser.open(sheet)
    assert browser.evaluate(TICKED) == []


@pytest.mark.parametrize(
    ("text", "labels"),
    [("ann", {0}), ("1", {1}), (" <B> ", set()), ('bo"b', {1}), ("maxi", {2}), ("", {0, 1, 2, 3})],
)
def test_the_filter_shows_a_label_or_a_part_of_a_name(sheet, browser, text, labels):
    choose(browser, "filter", text)
    expected = {row.key for row in rows() if row.label in labels}
    if text == " <B> ":
        expected = {row.key for row in rows() if row.label == 1}  # it is in the name, as text
    assert set(browser.evaluate(RECORDS)) == expected


def test_all_and_none_act_on_what_is_shown_and_can_be_undone(sheet, browser):
    def ticked() -> set[int]:
        return set(browser.evaluate(TICKED))

    of_one = {row.key for row in rows() if row.label == 1}
    tick(browser, 1)
    choose(browser, "filter", "1")
    click(browser, "#all")
    assert ticked() == of_one | {1}
    click(browser, "#none")
    assert ticked() == {1}
    click(browser, "#undo")
    assert ticked() == of_one | {1}
    browser.reload()
    assert ticked() == of_one | {1}


def test_arrow_keys_move_and_space_ticks(sheet, browser):
    order = browser.evaluate(RECORDS)
    in_a_row = browser.evaluate(
        "new Set([...document.querySelectorAll('.card')].map(c => c.offsetLeft)).size"
    )
    assert in_a_row > 1

    def press(key: str) -> int:
        browser.press(key, ARROWS[key])
        return browser.evaluate(FOCUSED)

    assert press("ArrowDown") == order[0]
    assert press("ArrowRight") == order[1]
    assert press("ArrowDown") == order[1 + in_a_row]
    assert press("ArrowLeft") == order[in_a_row]
    assert press("ArrowUp") == order[0]
    assert press("ArrowUp") == order[0]
    browser.press(" ", 32, " ")
    assert browser.evaluate(TICKED) == [order[0]]
    browser.press(" ", 32, " ")
    assert browser.evaluate(TICKED) == []


def test_arrow_keys_are_left_to_the_fields(sheet, browser):
    browser.evaluate("document.getElementById('filter').focus()")
    browser.press("ArrowDown", ARROWS["ArrowDown"])
    assert browser.evaluate("document.activeElement.id") == "filter"


def test_a_click_on_the_picture_ticks(sheet, browser):
    click(browser, "#tick4")
    click(browser, ".card[data-record='7'] img")
    assert set(browser.evaluate(TICKED)) == {4, 7}


def test_a_browser_that_remembers_nothing_says_so(sheet, browser):
    browser.evaluate("Storage.prototype.setItem = () => { throw new Error('full'); }")
    tick(browser, 4)
    notice = "document.getElementById('notice').checkVisibility()"
    assert browser.evaluate(notice)
    assert browser.evaluate(TICKED) == [4]


def test_chosen_records_are_saved_as_label_and_record(faces, tmp_path, browser):
    contact_sheet(faces, tmp_path / "sheet.html", identities="0,3")
    browser.open(tmp_path / "sheet.html")
    assert set(browser.evaluate(LOADED)) == {16}
    choose(browser, "filter", "3")
    assert browser.evaluate("document.querySelectorAll('.group:not([hidden])').length") == 1
    tick(browser, 33, 2)
    click(browser, "#save")
    saved = browser.downloaded()
    assert (saved.name, saved.read_text()) == ("ticked.txt", "0 2\n3 33\n")
    contact_sheet(faces, tmp_path / "again.html", records=saved)
    browser.open(tmp_path / "again.html")
    assert browser.evaluate(RECORDS) == [2, 33]


@pytest.mark.parametrize("width", [400, 700, 1280])
@pytest.mark.parametrize("options", [{}, {"identities": "0,1,2,3"}, {"thumbnail": 400}])
def test_nothing_needs_scrolling_sideways(sheet, faces, browser, width, options):
    if "identities" not in options:
        options = {**options, "noise_list": sheet.with_name("0_noiselist.txt")}
    contact_sheet(faces, sheet, title=LONG_NAME, **options)
    browser.resize(width, 800)
    browser.open(sheet)
    browser.evaluate(LOADED)
    assert browser.evaluate("innerWidth") == width
    assert browser.evaluate("document.documentElement.scrollWidth") <= width
    wider = (
        "[...document.querySelectorAll('.card')].filter(c => c.scrollWidth > c.clientWidth).length"
    )
    assert browser.evaluate(wider) == 0


def test_the_flagged_image_is_larger_than_the_references(sheet, browser):
    sizes = browser.evaluate("""['.face img', 'figure img'].map(
        (name) => document.querySelector(name).getBoundingClientRect().width)""")
    assert sizes[0] > 1.5 * sizes[1] > 90


def test_an_empty_list_makes_a_page_without_complaints(faces, tmp_path, browser):
    write_noise_list(tmp_path / "0_noiselist.txt", [])
    contact_sheet(faces, tmp_path / "sheet.html", noise_list=tmp_path / "0_noiselist.txt")
    browser.open(tmp_path / "sheet.html")
    assert browser.evaluate("document.getElementById('empty').checkVisibility()")
