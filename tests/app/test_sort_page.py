"""The Sort view in a real browser: keys, dragging, undo, moving from bin to bin."""

from __future__ import annotations

from tests.app.conftest import shot, until
from tests.app.test_label_page import go, labels_of

TILES = ".sort-view .tiles li"


def samples(page):
    return page.evaluate("() => window.clew.pool.tiles.map((tile) => tile.sample)")


def test_thumbnails_are_sorted_by_keys_and_by_dragging_and_moved_from_bin_to_bin(opened):
    page = opened
    go(page, "s", "sort")
    until(lambda: page.locator(TILES).count() == 24, what="thumbnails")
    assert "24 shown of 80" in page.inner_text(".sort-view .bar")
    first = samples(page)

    page.keyboard.press("Space")  # from page load, without a click
    page.keyboard.press("ArrowRight")
    page.keyboard.press("ArrowRight")
    page.keyboard.press("Space")
    assert page.locator(f"{TILES}[aria-selected=true]").count() == 2
    page.keyboard.press("1")
    expected = {first[0]: "round", first[2]: "round"}
    until(lambda: labels_of(page.study) == expected, what="two labels")
    assert page.locator(TILES).count() == 22

    tile, bin_ = page.locator(TILES).nth(4), page.locator(".sort-view [data-bin=elongated]")
    dragged = samples(page)[4]
    box, goal = tile.bounding_box(), bin_.bounding_box()
    page.mouse.move(box["x"] + 20, box["y"] + 20)
    page.mouse.down()
    page.mouse.move(goal["x"] + 30, goal["y"] + 30, steps=4)
    assert bin_.get_attribute("data-over") == "yes"
    page.mouse.up()
    expected[dragged] = "elongated"
    until(lambda: labels_of(page.study) == expected, what="the dragged one")

    page.keyboard.press("u")
    del expected[dragged]
    until(lambda: labels_of(page.study) == expected, what="the drag to be taken back")
    assert samples(page)[0] == dragged

    page.keyboard.press("a")
    page.keyboard.press("2")
    rest = [sample for sample in first if sample not in expected]
    expected |= dict.fromkeys(rest, "elongated")
    until(lambda: labels_of(page.study) == expected, what="all that were marked")
    until(lambda: page.locator(TILES).count() == 24, what="the pool to be filled again")

    page.select_option(".sort-view .bar select", "predicted round")
    until(lambda: "forest after 24 labels" in page.inner_text(".sort-view .bar"), what="the model's choice")
    shot(page, "sort-light")

    page.click(".sort-view [data-bin=round] .count button")
    until(
        lambda: set(samples(page)) == set(expected_in(expected, "round")), what="the rows that are in the bin"
    )
    moved = samples(page)[0]
    page.locator(TILES).first.focus()
    page.keyboard.press("2")
    expected[moved] = "elongated"
    until(lambda: labels_of(page.study) == expected, what="the row to change its bin")


def expected_in(expected, label):
    return [sample for sample, given in expected.items() if given == label]
