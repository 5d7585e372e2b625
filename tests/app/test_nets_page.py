"""Nets on the page: pictures on the latent map, and an image before and after with its loss curve, in a real browser."""

from __future__ import annotations

import shutil

from tests.app.conftest import enter, shot, until

SHARE = "() => Number(document.querySelector('.before-after .handle')?.getAttribute('aria-valuenow') ?? -1)"
CLIPS = "() => [...document.querySelectorAll('.before-after .layer')].map((one) => one.style.clipPath)"
DRAWN = "() => [...document.querySelectorAll('.before-after img')].every((one) => one.complete && one.naturalWidth > 0)"


def test_an_image_is_denoised_followed_and_compared(serve, coded, tmp_path, context):
    shutil.copytree(coded.parent, tmp_path / "room")
    import tifffile

    image = tmp_path / "room" / "blobs.study" / "denoised" / "blobs.tif-1"
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

    # denoise: the losses while it runs, also after a reload
    page.click("nav >> text=Denoise")
    until(lambda: page.evaluate(DRAWN) and page.query_selector(".before-after img"))
    settings = {"updates": 4, "turns": False}
    page.evaluate(
        "(settings) => window.clew.ask('denoise.start', { image: 'blobs.tif', settings })", settings
    )
    until(lambda: page.query_selector(".rail .small-curve"), what="the curve in the rail")
    page.reload()
    until(lambda: page.query_selector(".denoise .losses svg path"), what="the curve after a reload")
    until(lambda: page.query_selector(".before-after .handle"), what="both sides")
    assert (
        tifffile.imread(image / "blobs.tif").shape == tifffile.imread(tmp_path / "room" / "blobs.tif").shape
    )
    assert "noise" in page.inner_text(".denoise .said")

    # the line: keys and pointer move it, and what is clipped with it
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
    before = page.evaluate("() => document.querySelector('.before-after img').clientWidth")
    page.keyboard.press("+")
    until(
        lambda: page.evaluate("() => document.querySelector('.before-after img').clientWidth") > 1.4 * before
    )
    shot(page, "before-after")
