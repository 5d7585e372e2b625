"""The rooms of the workbench, each of which answers its own requests."""

from __future__ import annotations

import importlib

ROOMS = (
    "about",
    "starting",
    "thread",
    "forms",
    "jobs",
    "mapping",
    "selecting",
    "beside",
    "cards",
    "judging",
    "figures",
    "reporting",
    "labelling",
    "exchanging",
    "queueing",
    "items",
    "sorting",
    "painting",
    "picking",
    "denoising",
    "decoding",
)


def load_rooms() -> None:
    """Import every room, so that its handlers and routes are known."""
    for name in ROOMS:
        importlib.import_module(f"clew.app.{name}")
