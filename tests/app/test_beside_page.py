"""Beside the map, in a real browser: thumbnails, the image, the table, and what is said where a picture is lost."""

from __future__ import annotations

from tests.app.conftest import enter, shot, until
from tests.app.test_pictures import forget_first_place
from tests.app.test_traces import made  # noqa: F401

STATE = "() => { const s = window.clew.state; return { pinned: s.pinned, hovered: s.hovered, n: s.selection.n, how: s.selection.how, colour: s.colour }; }"
# the middle of the outline of a row, in px of the screen
MIDDLE = """async ([row]) => {
  const told = await window.clew.ask('beside.image', {row}), [points, starts, rows] = told.arrays;
  const i = rows.indexOf(row), own = Array.from(points.slice(2 * starts[i], 2 * starts[i + 1]));
  const mean = (k) => own.filter((_, j) => j % 2 === k).reduce((a, b) => a + b, 0) / (own.length / 2);
  const box = document.querySelector('.beside canvas').getBoundingClientRect();
  return [box.left + mean(0) * box.width / told.width, box.top + mean(1) * box.height / told.height];
}"""


def count(page, selector):
    return page.evaluate("(selector) => document.querySelectorAll(selector).length", selector)


def ready(page):
    until(lambda: count(page, ".beside .thumbs button") == 24, what="thumbnails")
    until(
        lambda: (
            count(page, ".beside canvas") == 1
            and "open objects" in page.get_attribute(".beside canvas", "aria-label")
        )
    )


def test_what_is_clicked_beside_the_map_is_pinned_and_selected_everywhere(opened):
    page = opened
    ready(page)
    assert page.inner_text(".beside h2") == "All 80 open rows"
    until(
        lambda: page.evaluate(
            "() => [...document.querySelectorAll('.beside .thumbs img')].every((one) => one.complete && one.naturalWidth > 0)"
        )
    )

    # the gallery: a click pins, the keyboard moves, Space selects, Page Down turns the page
    first = int(page.get_attribute(".beside .thumbs button >> nth=0", "data-row"))
    page.click(".beside .thumbs button >> nth=0")
    assert page.evaluate(STATE)["pinned"] == first
    page.mouse.move(2, 2)  # what lies under a pointer is hovered, too, when the page moves below it
    until(lambda: page.evaluate(STATE)["hovered"] is None, what="the pointer to be gone")
    page.keyboard.press("ArrowRight")
    second = int(page.get_attribute(".beside .thumbs button >> nth=1", "data-row"))
    until(lambda: page.evaluate(STATE)["hovered"] == second)
    page.keyboard.press("Space")
    until(lambda: page.evaluate(STATE)["n"] == 1)
    assert page.evaluate(STATE)["how"] == "gallery" and "1 row selected" in page.inner_text(".beside .bar")
    page.click("text=Clear")
    until(lambda: count(page, ".beside .thumbs button") == 24)
    page.focus(".beside .thumbs button >> nth=0")
    page.keyboard.press("PageDown")
    until(
        lambda: (
            "25 to 48 shown of 80" in page.inner_text(".beside .under >> nth=0")
            or "#" in page.inner_text(".beside .under >> nth=0")
        )
    )
    until(lambda: int(page.get_attribute(".beside .thumbs button >> nth=0", "data-row")) != first)

    # the image: a click selects, Shift adds, a rectangle takes several, the keyboard goes from object to object
    page.evaluate("() => window.clew.set({ pinned: 10 })")
    until(
        lambda: page.evaluate(
            "() => document.querySelector('.measurements h2')?.textContent.includes('Object')"
        )
    )
    page.mouse.click(*page.evaluate(MIDDLE, [3]))
    until(lambda: page.evaluate(STATE)["n"] == 1)
    assert page.evaluate(STATE)["how"] == "image" and page.evaluate(STATE)["pinned"] == 3
    x, y = page.evaluate(MIDDLE, [20])
    page.keyboard.down("Shift")
    page.mouse.click(x, y)
    page.keyboard.up("Shift")
    until(lambda: page.evaluate(STATE)["n"] == 2)
    shot(page, "beside-two-objects")
    box = page.query_selector(".beside canvas").bounding_box()
    page.mouse.move(box["x"] + 2, box["y"] + 2)
    page.mouse.down()
    page.mouse.move(box["x"] + box["width"] / 2, box["y"] + box["height"] / 2, steps=3)
    page.mouse.up()
    until(lambda: page.evaluate(STATE)["n"] > 5)
    page.mouse.move(
        0, 0
    )  # a pointer that rests there would say what is hovered whenever the page moves under it
    page.focus(".beside canvas")

    def hovered_by_key():
        """Press again where the page was drawn anew between key and look, which lets go of what was hovered."""
        found = page.evaluate(STATE)["hovered"]
        return found not in (None, 3) or page.keyboard.press("ArrowRight")

    until(hovered_by_key)
    page.keyboard.press("+")
    until(lambda: "150 %" in page.inner_text(".beside .tools"))

    # measurements: a name colours the map
    page.click(".beside .values .name >> nth=0")
    assert page.evaluate(STATE)["colour"].startswith("feature:")


def test_the_table_and_the_histograms_show_the_rows_of_the_map(opened):
    page = opened
    ready(page)
    page.focus("#beside-tab-gallery")
    page.keyboard.press("ArrowRight")
    until(lambda: count(page, ".beside [role=grid] .all [role=row]") > 5)
    grid = ".beside [role=grid]"
    assert page.get_attribute(grid, "aria-rowcount") == "81"
    page.click(".beside [role=columnheader] button >> nth=0")
    until(lambda: page.get_attribute(".beside [role=columnheader] >> nth=0", "aria-sort") == "ascending")
    page.focus(grid)
    page.keyboard.press("ArrowDown")
    until(lambda: page.evaluate(STATE)["hovered"] is not None, what="the row at the keys")
    hovered = page.evaluate(STATE)["hovered"]
    page.keyboard.press("Enter")
    until(lambda: page.evaluate(STATE)["pinned"] == hovered)
    page.keyboard.press("End")
    until(
        lambda: (
            page.get_attribute(grid, "aria-activedescendant") == "beside-row-79"
            and count(page, "#beside-row-79") == 1
        )
    )
    page.keyboard.press("Space")
    until(lambda: page.evaluate(STATE)["n"] == 1 and page.evaluate(STATE)["how"] == "table")
    page.click("#beside-tab-histograms")
    until(lambda: count(page, ".beside .histograms .strip") == 3)  # the selection and two groups
    assert "selected n = 1" in page.inner_text(".beside .histograms .strip >> nth=0")
    shot(page, "beside-histograms")


def test_an_image_that_has_changed_is_refused_with_a_way_on(serve, blob_study, context):
    forget_first_place(blob_study)
    image = blob_study.parent / "blobs.tif"
    image.write_bytes(image.read_bytes()[:-1000])
    page = enter(context, serve(blob_study))
    until(lambda: count(page, ".beside .image [role=alert]") == 1)
    assert "has changed" in page.inner_text(".beside .image .notice")
    until(
        lambda: (
            page.evaluate(
                "() => [...document.querySelectorAll('.beside .thumbs img')].filter((one) => one.naturalWidth > 0).length"
            )
            == 24
        )
    )  # hatched tiles
    shot(page, "beside-lost-image")


def test_a_window_that_is_clicked_in_the_trace_is_selected(serve, made, context):  # noqa: F811
    page = enter(context, serve(made / "sensor.study"))
    until(lambda: count(page, ".beside .trace canvas") == 1 and count(page, ".beside .spectrogram img") == 1)
    page.evaluate("() => window.clew.set({ pinned: 4 })")
    until(lambda: "1, 2, 6.0 s" in page.get_attribute(".beside .trace .lanes", "aria-label"))  # round row 4
    place = "() => { const b = document.querySelector('.beside .trace .u-over')?.getBoundingClientRect(); return b && b.width > 99 ? { x: b.x, y: b.y, width: b.width } : null; }"
    over = until(lambda: page.evaluate(place))
    page.mouse.move(over["x"] + over["width"] / 2, over["y"] + 20)
    until(lambda: count(page, ".beside .spectrogram .line") == 1)
    page.mouse.click(over["x"] + over["width"] / 2, over["y"] + 20)
    until(lambda: page.evaluate(STATE)["n"] == 1 and page.evaluate(STATE)["how"] == "trace")
    assert page.evaluate(STATE)["pinned"] == 4
    shot(page, "beside-trace")
