"""Nets on the page: pictures on the latent map, and an image before and after with its loss curve, in a real browser."""

from __future__ import annotations

import json
import shutil

import pytest
import tifffile

from tests.app.conftest import enter, shot, until

SHARE = "() => Number(document.querySelector('.before-after .handle')?.getAttribute('aria-valuenow') ?? -1)"
CLIPS = "() => [...document.querySelectorAll('.before-after .layer')].map((one) => one.style.clipPath)"
WIDE = "() => document.querySelector('.before-after img').clientWidth"
DRAWN = "() => [...document.querySelectorAll('.before-after img')].every((one) => one.complete && one.naturalWidth > 0)"


def test_a_latent_map_has_pictures_and_a_line_is_moved_between_before_and_after(
    serve, coded, tmp_path, context
):
    shutil.copytree(coded.parent, tmp_path / "room")
    image = tmp_path / "room" / "blobs.tif"
    ran = tmp_path / "room" / "blobs.study" / "denoised" / "blobs.tif-1"  # as a job leaves it
    ran.mkdir(parents=True)
    tifffile.imwrite(ran / "blobs.tif", tifffile.imread(image) // 2)
    told = {
        "image": "blobs.tif",
        "lines": ["The noise is independent."],
        "warnings": [],
        "settings": {},
        "who": "AK",
    }
    (ran / "said.json").write_text(json.dumps(told))
    page = enter(context, serve(tmp_path / "room" / "blobs.study"))

    # the latent map: a key shows decoded pictures, the one at the keys beside its real rows
    until(lambda: page.query_selector("button[aria-label^='Decoded pictures']"), what="the button")
    page.keyboard.press("d")
    until(lambda: page.query_selector(".decoded-card.hint"), what="decoded pictures")
    page.focus(".map .board")
    page.keyboard.press("ArrowRight")
    until(lambda: page.query_selector(".decoded-card .tile"))
    assert "decoded (generated)" in page.inner_text(".decoded-card")
    assert len(page.query_selector_all(".decoded-card .real img")) >= 1
    shot(page, "latent-map")
    page.keyboard.press("d")
    until(lambda: not page.query_selector(".decoded-card"))

    # before and after: keys and pointer move the line, and with it what is seen of either side
    page.click("nav >> text=Denoise")
    until(lambda: page.query_selector(".before-after .handle") and page.evaluate(DRAWN))
    assert "The noise is independent." in page.inner_text(".denoise .said")
    page.focus(".before-after .handle")
    for key, share in (("ArrowRight", 52), ("PageDown", 42), ("End", 100), ("Home", 0)):
        page.keyboard.press(key)
        until(lambda share=share: page.evaluate(SHARE) == share, what=key)
    box = page.query_selector(".before-after").bounding_box()
    page.mouse.move(box["x"] + 2, box["y"] + 50)
    page.mouse.down()
    page.mouse.move(box["x"] + box["width"] / 4, box["y"] + 50, steps=3)
    page.mouse.up()
    until(lambda: page.evaluate(SHARE) == 25)
    left, right = page.evaluate(CLIPS)
    assert left != right and "inset" in left and "inset" in right
    before = page.evaluate(WIDE)
    page.keyboard.press("+")
    until(lambda: page.evaluate(WIDE) > 1.4 * before)
    page.click("[aria-label='Larger (+)']")
    until(lambda: page.evaluate(WIDE) > 2 * before)
    shot(page, "before-after")


@pytest.mark.slow
def test_an_image_is_denoised_and_its_losses_are_followed_also_after_a_reload(serve, blob_study, context):
    page = enter(context, serve(blob_study))
    page.click("nav >> text=Denoise")
    until(lambda: page.query_selector(".before-after img") and page.evaluate(DRAWN))
    settings = {"updates": 4, "turns": "none"}
    page.evaluate(
        "(settings) => window.clew.ask('denoise.start', { image: 'blobs.tif', settings })", settings
    )
    until(lambda: page.query_selector(".rail .small-curve"), what="the curve in the rail")
    page.reload()
    until(lambda: page.query_selector(".denoise .losses svg path"), what="the curve after a reload")
    until(lambda: page.query_selector(".before-after .handle"), what="both sides")
    assert "noise" in page.inner_text(".denoise .said")
    made = tifffile.imread(blob_study / "denoised" / "blobs.tif-1" / "blobs.tif")
    assert made.shape == tifffile.imread(blob_study.parent / "blobs.tif").shape
    shot(page, "denoised")
