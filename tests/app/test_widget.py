"""The map in a notebook: the browser's line becomes rows in Python; the same modules draw it."""

from __future__ import annotations

import base64
import re
import sys

import numpy as np
import pytest

from clew.app.map_data import MapData
from clew.app.widget import display_study, joined, linked_map
from clew.errors import MissingError, SettingError
from clew.study.study import Study
from tests.app.conftest import until

LEFT = [[-9.0, -9.0], [0.0, -9.0], [0.0, 9.0], [-9.0, 9.0]]


@pytest.fixture
def data():
    return MapData.of_arrays(np.random.default_rng(0).normal(size=(2, 400, 2)), groups=np.arange(400) % 2)


def test_what_is_drawn_round_is_known_in_python(data):
    widget = linked_map(data, run=1)
    widget.polygon = LEFT
    expected = np.flatnonzero(data.runs[1][:, 0] < 0)
    np.testing.assert_array_equal(widget.rows, expected)
    assert widget.selected == [f"row {row}" for row in expected]
    np.testing.assert_array_equal(
        np.flatnonzero(np.unpackbits(np.frombuffer(widget.bits, np.uint8), bitorder="little")), expected
    )
    assert widget.says == f"{len(expected)} selected, 400 shown of 400 open rows"
    widget.polygon = []
    assert widget.selected == [] and widget.bits == b""
    widget.select([7, 3])
    assert widget.selected == ["row 3", "row 7"]
    with pytest.raises(SettingError, match="from 0 to 399"):
        widget.select([400])


def test_the_page_and_the_notebook_draw_with_the_same_lines():
    module = joined()
    assert "import " not in re.sub(r"/\*.*?\*/|//.*", "", module, flags=re.S)
    assert module.count("export default") == 1 and "class Scatter" in module and "class Drawn" in module


def test_a_study_shows_its_latest_look(blob_study):
    study = Study(blob_study)
    widget = linked_map(study)
    widget.select([0])
    assert widget.selected == [str(study.samples().sample[0])]
    assert "application/vnd.jupyter.widget-view+json" in display_study(study)
    look = study.result(study.last("explore"))
    assert linked_map(look)._sample.tolist() == look.sample.tolist()


def test_without_anywidget_the_study_is_shown_in_words(blob_study, monkeypatch):
    monkeypatch.setattr("clew.app.widget._Widget", None)
    monkeypatch.setitem(sys.modules, "anywidget", None)
    study = Study(blob_study)
    with pytest.raises(MissingError, match=r"clew\[notebook\]"):
        linked_map(study)
    assert display_study(study) is None


def test_the_module_draws_and_selects_in_a_browser(data, context):
    widget = linked_map(data)
    page = context.new_page()
    faults = []
    page.on("pageerror", lambda fault: faults.append(fault))
    page.set_content("<div id=here></div>")
    traits = {
        name: getattr(widget, name) for name in ("extent", "palette", "says", "label", "width", "height")
    }
    sent = {
        name: base64.b64encode(getattr(widget, name)).decode() for name in ("positions", "classes", "bits")
    }
    page.evaluate(
        """async ([code, traits, sent]) => {
          for (const [name, text] of Object.entries(sent)) traits[name] = new DataView(Uint8Array.from(atob(text), (c) => c.charCodeAt(0)).buffer);
          window.model = { traits, saved: 0, get: (name) => traits[name], set: (name, value) => { traits[name] = value; }, save_changes() { this.saved += 1; }, on() {}, off() {} };
          const made = await import(URL.createObjectURL(new Blob([code], { type: "text/javascript" })));
          window.end = made.default.render({ model: window.model, el: document.getElementById("here") });
        }""",
        [joined(), traits, sent],
    )
    box = page.locator("[role=img]").bounding_box()
    corners = [
        (box["x"] + x * box["width"], box["y"] + y * box["height"])
        for x, y in ((0.01, 0.01), (0.5, 0.01), (0.5, 0.99), (0.01, 0.99))
    ]
    page.mouse.move(*corners[0])
    page.mouse.down()
    for corner in corners[1:]:
        page.mouse.move(*corner, steps=3)
    page.mouse.up()
    widget.polygon = until(lambda: page.evaluate("() => window.model.traits.polygon"))
    left, right, _, _ = data.extent
    expected = np.flatnonzero(data.places(0)[:, 0] < (left + right) / 2)
    assert np.setxor1d(widget.rows, expected).size <= 4  # the middle of the picture, to within a pixel
    assert page.locator("[role=status]").inner_text() == "400 shown of 400 open rows. Draw round some points."
    page.evaluate("() => window.end()")
    assert faults == []
