"""Walk-throughs on simulated data, told so that a newcomer understands each step."""

from __future__ import annotations

from clew.demo.verb import demo

__all__ = ["demo"]
