"""The map in a real browser: drawn, selected, named, played, by hand and by keys; and what it does where points cannot be drawn."""

from __future__ import annotations

import sqlite3
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

import clew
from tests.app.conftest import Served, enter, shot, until

STATIC = Path(clew.__file__).parent / "app" / "static" / "map"


def ready(page, n):
    until(lambda: page.evaluate("() => window.clew.map && window.clew.map.ready") == n, what=f"{n} points")


def draw(page, corners):
    """Draw with the mouse: corners as shares of the map."""
    box = page.locator(".map .board").bounding_box()
    at = [(box["x"] + x * box["width"], box["y"] + y * box["height"]) for x, y in corners]
    page.mouse.move(*at[0])
    page.mouse.down()
    for spot in at[1:]:
        page.mouse.move(*spot, steps=3)
    page.mouse.up()


def selection(page):
    return page.evaluate("() => { const { id, n, how } = clew.state.selection; return { id, n, how }; }")


ALL = [(0.01, 0.01), (0.99, 0.01), (0.99, 0.99), (0.01, 0.99)]
LEFT = [(0.01, 0.01), (0.5, 0.01), (0.5, 0.99), (0.01, 0.99)]


def test_a_lasso_names_rows_and_the_label_is_in_the_study(opened):
    page = opened
    ready(page, 80)
    assert page.locator(".map .corner").inner_text().startswith("80 shown of 80 open rows")
    assert page.evaluate("() => clew.map.names") == 2  # both groups are named beside their points
    draw(page, LEFT)
    until(lambda: page.evaluate("() => clew.map.lassoShown") > 0, what="the lasso")
    drawn = selection(page)
    assert drawn["how"] == "lasso" and 0 < drawn["n"] < 80
    page.keyboard.down("Shift")
    draw(page, ALL)
    page.keyboard.up("Shift")
    until(lambda: selection(page)["n"] == 80, what="what was added")
    page.keyboard.down("Alt")
    draw(page, LEFT)
    page.keyboard.up("Alt")
    until(lambda: selection(page)["n"] == 80 - drawn["n"], what="what was taken away")
    shot(page, "map-lasso")
    page.keyboard.press("n")
    page.get_by_label(f"Name these {80 - drawn['n']} rows").fill("right ones")
    page.keyboard.press("Enter")

    def labelled():
        with sqlite3.connect(page.study / "study.sqlite") as db:
            return db.execute(
                "SELECT count(DISTINCT sample) FROM labels WHERE label = 'right ones'"
            ).fetchone()[0]

    until(lambda: labelled() == 80 - drawn["n"], what="labels in the study")
    page.get_by_label("colour").select_option("label")
    until(lambda: "labels" in page.locator(".map .legend").inner_text(), what="the legend of labels")


def test_everything_can_be_done_by_keys(opened):
    page = opened
    ready(page, 80)
    page.locator(".map .board").focus()
    page.keyboard.press("ArrowRight")
    first = until(lambda: page.evaluate("() => clew.state.hovered !== null && [clew.state.hovered]"))
    until(lambda: page.locator(".map .tip").is_visible(), what="what the row is")
    page.keyboard.press("ArrowRight")
    assert page.evaluate("() => clew.state.hovered") != first[0]
    page.keyboard.press("Enter")
    until(
        lambda: "pinned row in the other 3 runs" in page.locator(".map .legend").inner_text(),
        what="the legend",
    )
    page.keyboard.press("Shift+ArrowLeft")
    until(lambda: page.evaluate("() => clew.map.run") == 3, what="the last run")
    assert page.locator(".small-map[aria-current]").get_attribute("aria-label") == "Run 4 of 4"
    page.keyboard.press("/")
    rule = page.get_by_label("Rule", exact=True)
    rule.fill("aera > 300")
    page.keyboard.press("Enter")
    until(lambda: "Did you mean 'area'" in page.locator(".map [role=alert]").inner_text(), what="the refusal")
    assert rule.input_value() == "aera > 300"  # to be mended, not typed again
    rule.fill("area > 300 and group == 0")
    page.keyboard.press("Enter")
    found = until(lambda: selection(page)["n"], what="what the rule selects")
    assert selection(page)["how"] == "rule" and found < 80
    page.get_by_label("colour").select_option("feature:area")
    until(lambda: "px²" in page.locator(".map .legend").inner_text(), what="the ends of the ramp")
    page.locator(".map .board").focus()
    page.keyboard.press("Escape")  # first the pinned row, then the selection
    page.keyboard.press("Escape")
    until(
        lambda: selection(page)["id"] == 0 and page.evaluate("() => clew.state.pinned") is None,
        what="letting go",
    )
    page.keyboard.press("p")
    until(lambda: page.get_by_role("button", name="Stop").is_visible(), what="playing")


def test_without_webgl_the_server_draws_where_points_lie_thickest(serve, blob_study, context):
    context.add_init_script(
        "const own = HTMLCanvasElement.prototype.getContext;"
        "HTMLCanvasElement.prototype.getContext = function (kind, ...rest) { return kind === 'webgl2' ? null : own.call(this, kind, ...rest); };"
    )
    page = enter(context, serve(blob_study))
    until(
        lambda: page.evaluate("() => document.querySelector('.map .density')?.naturalWidth") == 544,
        what="the picture",
    )
    assert (
        "Points cannot be drawn in this browser; selecting by rule works."
        in page.locator(".map").inner_text()
    )
    page.keyboard.press("/")
    page.get_by_label("Rule", exact=True).fill("group == 0")
    page.keyboard.press("Enter")
    until(lambda: selection(page)["n"] == 50, what="the rule")


def test_points_survive_the_loss_of_the_graphics_card(context):
    """The module by itself: what is drawn, picked and selected, before and after."""
    page = context.new_page()
    told = page.evaluate(
        """async (code) => {
          const { Scatter } = await import(URL.createObjectURL(new Blob([code], { type: "text/javascript" })));
          const canvas = document.createElement("canvas"), scatter = new Scatter(canvas), gl = scatter.gl;
          scatter.resize(200, 200);
          scatter.setPoints(new Uint16Array([0, 0, 65534, 0, 32767, 65534, 65535, 65535]), [0, 1, 0, 1]);
          scatter.setClasses(new Uint8Array([0, 1, 2, 0]));
          const inked = () => { scatter.draw(); const all = new Uint8Array(4e4 * 4); gl.readPixels(0, 0, 200, 200, gl.RGBA, gl.UNSIGNED_BYTE, all); let n = 0; for (let i = 3; i < all.length; i += 4) n += all[i] > 99; return n; };
          const out = { before: inked(), picked: [[40, 160], [160, 160], [100, 40], [100, 100]].map(([x, y]) => scatter.pick(x, y)) };
          out.toward = [scatter.toward(0, 1, 0), scatter.toward(0, 0, -1), scatter.toward(0, -1, 0)];
          out.selected = [[0b101], []].map((bits) => { scatter.setSelected(new Uint8Array(bits)); return scatter.nSelected; });
          scatter.zoom(2, 40, 160);
          out.zoomed = [scatter.pick(40, 160), scatter.pick(160, 160)];
          scatter.fit();
          const ext = gl.getExtension("WEBGL_lose_context"), when = (name) => new Promise((done) => canvas.addEventListener(name, done, { once: true }));
          let wait = when("webglcontextlost"); ext.loseContext(); await wait; scatter.draw();
          await new Promise((done) => setTimeout(done));
          wait = when("webglcontextrestored"); ext.restoreContext(); await wait;
          out.after = inked();
          return out;
        }""",
        (STATIC / "scatter.js").read_text(),
    )
    assert told["before"] == told["after"] > 100
    assert told["picked"] == [0, 1, 2, -1]
    assert told["toward"] == [1, 2, -1]
    assert told["selected"] == [2, 0]
    assert told["zoomed"] == [0, -1]


ARRAYS = """
import numpy as np
from pathlib import Path
from clew.app.map_data import MapData
from clew.app.verb import listening, run
from clew.app.workspace import Workspace
rng = np.random.default_rng(0)
groups = rng.integers(0, 6, 1_000_000)
workspace = Workspace(None, home=Path("."))
workspace.kept["map"] = MapData.of_arrays(rng.normal(size=(1_000_000, 2)) + 4 * np.column_stack([np.cos(groups), np.sin(groups)]), groups=groups)
with listening("127.0.0.1", 0) as listener:
    run(workspace, listener, open_browser=False)
"""


@pytest.mark.slow
def test_a_million_points_are_drawn_and_selected(context):
    process = subprocess.Popen([sys.executable, "-c", ARRAYS], stdout=subprocess.PIPE, text=True)
    try:
        page = enter(context, Served(process, process.stdout.readline().split()[-1]))
        page.evaluate("() => clew.set({ view: 'explore' })")
        ready(page, 1_000_000)
        draw(page, LEFT)
        until(lambda: page.evaluate("() => clew.map.lassoShown") > 0, what="the lasso")
        told = selection(page)
        bits = page.evaluate(
            "() => clew.state.selection.bits.reduce((n, byte) => { for (; byte; byte &= byte - 1) n += 1; return n; }, 0)"
        )
        assert 300_000 < told["n"] == bits < 700_000
        shot(page, "map-million")
    finally:
        process.kill()
        process.wait()


@pytest.mark.parametrize("n", [10, 3000])
def test_a_lasso_is_sent_with_few_vertices_and_stays_where_it_was_drawn(context, n):
    page = context.new_page()
    angle = np.linspace(0, 2 * np.pi, n, endpoint=False)
    line = np.column_stack([100 + 80 * np.cos(angle), 100 + 60 * np.sin(angle)])
    few = page.evaluate(
        """async ([code, line]) => { const { few } = await import(URL.createObjectURL(new Blob([code], { type: "text/javascript" }))); return few(line); }""",
        [(STATIC / "lasso.js").read_text(), line.tolist()],
    )
    assert len(few) <= min(n, 300)
    from clew.app.selecting import within

    points = np.random.default_rng(0).uniform(0, 200, (5000, 2)).astype(np.float32)
    changed = within(points, line) != within(points, np.array(few))
    far = np.abs(np.hypot((points[:, 0] - 100) / 80, (points[:, 1] - 100) / 60) - 1) > 0.02
    assert not (changed & far).any() if n > 10 else not changed.any()
