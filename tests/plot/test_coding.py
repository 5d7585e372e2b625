"""Figures of autoencoders show the rows that they are of."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pytest

from clew.plot import coding as draw
from clew.validate.posterior_collapse import PosteriorCollapse
from tests.neural.test_reconstruction import rebuilt


def words(drawing) -> list[str]:
    return [text.get_text() for text in drawing.texts]


def of(axes: str):
    shape = {"cyx": (1, 6, 6), "ct": (2, 30)}[axes]
    random = np.random.default_rng(0)
    grid = {"grid_at": np.array([[0.0, 1, 2], [0, 1, 2]]), "grid": random.normal(size=(3, 3, *shape))}
    rows = {"real": random.normal(size=(4, *shape)), "decoded": random.normal(size=(4, *shape))}
    return rebuilt(axes=axes, **grid, **rows)


@pytest.mark.parametrize("axes", ["features", "cyx", "ct"])
def test_rows_stand_beside_what_comes_back_of_them_the_worst_last(axes):
    found = rebuilt() if axes == "features" else of(axes)
    said = words(draw.reconstructions(found))
    assert [one for one in said if one.startswith("r")] == ["r0", "r5", "r11", "r10"]
    assert said.index("worst reconstructed") > said.index("r5")
    assert len(draw.reconstructions(found).axes) == (8 if axes == "cyx" else 4)


def test_what_comes_back_is_drawn_on_the_scale_of_its_row():
    found = of("cyx")
    upper, lower = draw.reconstructions(found).axes[:2]
    assert (
        upper.images[0].get_clim() == lower.images[0].get_clim() == (found.real[0].min(), found.real[0].max())
    )
    np.testing.assert_array_equal(lower.images[0].get_array(), found.decoded[0, 0])


def test_the_map_has_a_dot_a_row_over_what_is_decoded_there():
    found = of("cyx")
    (panel,) = draw.latent_map(found).axes
    assert len(panel.images) == 9 and len(panel.lines[-1].get_xdata()) == 12
    left, right, low, high = panel.images[5].get_extent()  # second row, third column
    assert left < 2 < right and low < 1 < high
    np.testing.assert_array_equal(panel.images[5].get_array(), found.grid[1, 2, 0])
    assert not draw.latent_map(rebuilt()).axes[0].images


def test_idle_latent_numbers_are_crossed_out():
    found = PosteriorCollapse(divergence=np.array([0.0, 2.0, 1.0]), variance_of_mean=np.array([0.0, 1, 1]))
    (panel,) = draw.latent_use(found).axes
    assert [bar.get_height() for bar in panel.patches] == [2.0, 1.0, 0.0]
    assert panel.lines[0].get_xdata().tolist() == [3] and "1 idle" in panel.get_xlabel()


def test_anomaly_scores_are_shares_of_the_rows_that_taught_it_and_of_those_held_out():
    found = rebuilt()
    drawing = draw.anomalies(found)
    steps = [patch.get_data().values for patch in drawing.axes[0].patches]
    assert [one.sum() for one in steps] == pytest.approx([1, 1])
    assert {"taught it: 9 rows", "held out: 3 rows"} <= set(words(drawing))


@pytest.mark.parametrize("axes", ["", "cyx", "ct"])
def test_the_sheet_says_that_rows_are_generated_and_names_the_real_ones(axes):
    shape = {"": (3,), "cyx": (1, 6, 6), "ct": (2, 30)}[axes]
    random = np.random.default_rng(0)
    made = SimpleNamespace(
        axes=axes, values=random.normal(size=(5, *shape)), beside=random.normal(size=(5, *shape)),
        nearest=np.array([f"real {i}" for i in range(5)]), settings={"between": None, "label": "cell"},
    )  # fmt: skip
    said = words(draw.generated(made))
    assert said[0] == "generated" and "asked for cell" in said[1]
    assert [one for one in said if one.startswith("real ")] == made.nearest.tolist()
    made.settings = {"between": ["a", "b"], "label": None}
    assert "on the way from a (first) to b (last)" in words(draw.generated(made, most=2))[1]
