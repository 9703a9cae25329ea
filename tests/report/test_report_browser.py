"""The page as people see it: in Chromium, wide, narrow, dark and on paper."""

from __future__ import annotations

import pytest

from report_fixtures import write_output
from unequal.report.page import write_report

pytestmark = pytest.mark.slow

LONG_NAME = "verification_set_" * 8
# of two drawings of the overview, only one is visible
VISIBLE = "filter((element) => element.checkVisibility())"
SIZES = f"""[...document.querySelectorAll('.plot, .interval')].{VISIBLE}.map((plot) => {{
  const box = plot.getBoundingClientRect();
  return [box.width, box.height];
}})"""
# of every line, how much of its plot it covers, in pixels
DRAWN = f"""[...document.querySelectorAll('[data-name]')].{VISIBLE}
  .map((line) => line.getBoundingClientRect().width)"""
LOADED = """(async () => {
  await Promise.all([...document.images].map((image) => image.decode()));
  return [...document.images].map((image) => image.naturalWidth * image.offsetWidth);
})()"""
# texts of a chart that stand on each other
CROWDED = """[...document.querySelectorAll('.plot')].flatMap((plot) => {
  const texts = [...plot.querySelectorAll('text')].map((text) => text.getBoundingClientRect());
  return texts.flatMap((a, i) => texts.slice(i + 1).filter((b) => a.left < b.right
    && b.left < a.right && a.top < b.bottom - 2 && b.top < a.bottom - 2));
}).length"""
# texts of charts that are smaller or larger than other text by more than 15 %
MISSIZED = f"""[...document.querySelectorAll('.plot text')].{VISIBLE}.map((text) =>
  text.getCTM().a).filter((scale) => scale < 0.85 || scale > 1.15)"""
# what sticks out of the window, but for what scrolls in a box of its own
OUTSIDE = """[...document.querySelectorAll('body *')].filter((element) =>
  element.getBoundingClientRect().right > innerWidth + 0.5 && !element.closest('.scroll')
  && !element.closest('[data-name]')).map((element) => element.outerHTML.slice(0, 80))"""
READING = "(document.getElementById('reading').hidden ? '' : reading.textContent)"


@pytest.fixture
def browser(chromium):
    """The browser; no page may complain or ask for anything."""
    chromium.complaints.clear()
    chromium.requested.clear()
    chromium.resize(1280, 800)
    yield chromium
    assert chromium.complaints == []
    assert {address.rpartition("/")[2] for address in chromium.requested} == {"report.html"}


@pytest.fixture(scope="module")
def pages(tmp_path_factory):
    folder = tmp_path_factory.mktemp("pages")
    options = {
        "finished": {},
        "running": {"done": 4},
        "begun": {"done": 0},
        "strange": {"targets": (LONG_NAME, "<b>")},
    }
    return {
        name: write_report(write_output(folder / name / "out", **kinds))
        for name, kinds in options.items()
    }


@pytest.mark.parametrize("name", ["finished", "running", "begun", "strange"])
@pytest.mark.parametrize("width", [400, 700, 1280])
def test_every_chart_and_image_is_seen_and_nothing_is_wider_than_the_window(
    pages, browser, name, width
):
    browser.resize(width, 800)
    browser.open(pages[name])
    sizes = browser.evaluate(SIZES)
    assert sizes and all(wide > 150 and high > 20 for wide, high in sizes)
    assert all(wide > 1 for wide in browser.evaluate(DRAWN))
    assert all(browser.evaluate(LOADED))
    assert browser.evaluate("document.documentElement.scrollWidth") <= width
    assert browser.evaluate(OUTSIDE) == []
    assert browser.evaluate(CROWDED) == 0
    assert browser.evaluate(MISSIZED) == []


def test_wide_tables_scroll_in_their_own_box(pages, browser):
    browser.resize(400, 800)
    browser.open(pages["finished"])
    box = "document.querySelector('#verification .scroll')"
    assert browser.evaluate(f"{box}.scrollWidth > {box}.clientWidth + 100")
    stage = f"{box}.querySelector('tbody tr:nth-child(2) th').getBoundingClientRect().left"
    before = browser.evaluate(stage)
    assert browser.evaluate(f"{box}.previousElementSibling.checkVisibility()")
    browser.evaluate(f"{box}.scrollLeft = 150")
    assert browser.evaluate(f"{box}.scrollLeft") == 150 and browser.evaluate(stage) == before


def test_the_values_under_the_pointer_are_read_out(pages, browser):
    browser.open(pages["finished"])
    left, top, wide, high = browser.evaluate("""(() => {
      const plot = document.querySelector('.plot');
      plot.scrollIntoView({block: 'center'});
      const box = plot.getBoundingClientRect();
      return [box.left, box.top, box.width, box.height];
    })()""")
    browser.send("Input.dispatchMouseEvent", type="mouseMoved", x=left + wide / 3, y=top + high / 2)
    told = browser.evaluate(READING).split("\n")
    assert told[0].startswith("steps of all stages together ")
    assert told[1].startswith("1-softmax: ") and told[1].endswith(" %")
    assert 60 < float(told[1].split()[1]) < 100
    browser.send("Input.dispatchMouseEvent", type="mouseMoved", x=2, y=2)
    assert browser.evaluate(READING) == ""


def test_commands_can_be_copied_or_are_at_least_selected(pages, browser):
    browser.open(pages["finished"])
    command = browser.evaluate("""(async () => {
      const box = document.querySelector('#ran .command');
      box.querySelector('.copy').click();
      await new Promise((done) => setTimeout(done, 100));
      const copied = box.querySelector('.copy').textContent;
      return [copied, box.querySelector('pre').textContent, String(getSelection())];
    })()""")
    assert command[1].startswith("python train.py")
    assert command[0] == "Copied" or command[2] == command[1]


def test_the_dark_scheme_has_light_text_on_dark(pages, browser):
    shades = []
    for dark in (False, True):
        browser.resize(1280, 800, dark)
        browser.open(pages["finished"])
        shades.append(
            browser.evaluate("""['color', 'backgroundColor'].map((name) =>
          getComputedStyle(document.body)[name].match(/\\d+/g).map(Number)
            .reduce((sum, part) => sum + part))""")
        )
    (ink, paper), (dark_ink, dark_paper) = shades
    assert paper - ink > 400 and dark_ink - dark_paper > 400


def test_on_paper_nothing_is_cut_off(pages, browser):
    browser.resize(718, 1000)  # A4 between the margins of browsers
    browser.open(pages["finished"])
    browser.send("Emulation.setEmulatedMedia", media="print")
    try:
        assert browser.evaluate("document.documentElement.scrollWidth") <= 718
        tables = "[...document.querySelectorAll('table')]"
        ends = browser.evaluate(f"{tables}.map((table) => table.getBoundingClientRect().right)")
        assert max(ends) <= 718.5
        assert browser.evaluate("document.querySelector('nav').checkVisibility()") is False
    finally:
        browser.send("Emulation.setEmulatedMedia", media="")
