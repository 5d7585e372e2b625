"""New data from what a model learnt of the rows: always marked as generated, always beside real rows."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from clew.errors import SettingError, check
from clew.steps.networks import coder_named, coder_names, name_of, raw_like
from clew.steps.outcome import Outcome, sentences

if TYPE_CHECKING:
    from clew.study.study import Study

SHEET, DPI = "generated.png", 144


def generate(
    study: Study,
    *,
    model: str = "latest",
    n: int = 16,
    label: str | None = None,
    between: str | None = None,
    out: Path | None = None,
    random_state: int = 0,
) -> Outcome:
    """Make up new rows with a vae, each beside the real open row most like it; they are no observations.

    Parameters
    ----------
    study : Study
    model : str
        The name of a vae, such as vae-1, or latest; with --between also an autoencoder.
    n : int
        How many rows.
    label : str
        What a conditional vae is asked for.
    between : str
        The names of two open rows, A,B: rows on the way from one to the other, in place of rows drawn at random.
    out : Path
        A new folder: images or tables, generated.csv with the real row most like each, and a sheet of all, generated.png.
    random_state : int
        Decides what is drawn.
    """
    from clew.neural.coding import generate as step
    from clew.plot.coding import generated
    from clew.plot.style import SURFACE

    check(out is not None, SettingError, "The setting --out must name the folder to write. Got none.")
    assert out is not None
    check(not out.exists(), SettingError, "The folder of --out must be new. Got '{}', which is there.", out)
    trained = coder_named(study, _able(study, model, between))
    ends = None if between is None else [name.strip() for name in between.split(",")]
    settings: dict[str, Any] = {"n": n, "label": label, "between": ends, "random_state": random_state}
    recorded, made = study.run(step, trained, raw=raw_like(study, study.result(trained)), **settings)
    made.write(out)
    generated(made).savefig(out / SHEET, dpi=DPI, facecolor=SURFACE)
    name = name_of(study, trained)
    lines = [
        *sentences([made.headline(), *made.notes]),
        f"By {name} (sha256 {made.sha256[:12]}), in {out}; each file says that it is generated, {SHEET} shows all beside the real rows.",
        "Do not mix them with observations: what is learnt from them is what the model learnt already.",
    ]
    data = {**made.summary(), "model": name, "out": str(out)}
    return Outcome(lines, data, recorded, made, list(made.notes))


def _able(study: Study, model: str, between: str | None) -> str:
    """Return the model to ask: where none is named and rows are to be drawn, the latest vae, if there is one."""
    vaes = [name for name in coder_names(study) if name.startswith("vae-")]
    return vaes[-1] if model == "latest" and between is None and vaes else model
