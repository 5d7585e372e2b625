"""Compiled loops are kept on disk; where one is not there yet, a person waits, and is told."""

from __future__ import annotations

import logging

from numba.core import event


class _Compiling(event.Listener):
    """Log one line when compiling begins in a process that does not find all loops on disk."""

    def __init__(self) -> None:
        self.said = False

    def on_start(self, event: event.Event) -> None:
        """Say that something is compiled, once a process, if it is ours."""
        ours = getattr(event.data["dispatcher"].py_func, "__module__", "").startswith("clew.")
        if ours and not self.said:
            self.said = True
            logging.getLogger("clew").info(
                "Compiling for this machine; each kind of work is compiled once, and kept on disk for the next time."
            )

    def on_end(self, event: event.Event) -> None:
        """Say nothing: there may be more to come."""


def announce() -> None:
    """Log from now on when a process has to compile."""
    event.register("numba:compile", _Compiling())
