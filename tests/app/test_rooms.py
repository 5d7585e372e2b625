from __future__ import annotations

from clew.app.handling import HANDLERS, ROUTES
from clew.app.rooms import ROOMS, load_rooms


def test_every_room_answers_something():
    load_rooms()
    modules = {one.run.__module__ for one in HANDLERS.values()} | {one.__module__ for one in ROUTES.values()}
    assert {f"clew.app.{name}" for name in ROOMS} <= modules
