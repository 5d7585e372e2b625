"""The verb `demo`: one walk-through or another."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

from clew.demo.told import OnProgress
from clew.errors import check_choice
from clew.steps import Outcome


def demo(
    what: Literal["blobs", "signals"] = "blobs",
    *,
    out: Path = Path("clew-demo"),
    on_progress: OnProgress | None = None,
) -> Outcome:
    """Walk through the whole of clew on simulated data, blobs or signals, and write the report of it.

    Parameters
    ----------
    what : {"blobs", "signals"}
        A photograph of round and elongated blobs; or what four seismometers recorded.
    out : Path
        The folder for data, study and report; with a number behind it where something is there already.
    """
    check_choice(what, ("blobs", "signals"), what="'what' setting", of="demo")
    if what == "signals":
        from clew.demo.signals import signals

        return signals(out=out, on_progress=on_progress)
    from clew.demo.blobs import blobs

    return blobs(out=out, on_progress=on_progress)
