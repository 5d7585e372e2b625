"""The table of verbs that command line, page and notebook share: fetch rows, call one function, record.

Everything heavy is imported inside the verbs, so that the table itself costs nothing.
"""

from __future__ import annotations

from clew.steps import comparing, pixels
from clew.steps.confirming import confirm, state
from clew.steps.curving import curve
from clew.steps.explaining import explain
from clew.steps.exploring import explore, export, name
from clew.steps.families import compare
from clew.steps.intake import new, relink
from clew.steps.labelling import label
from clew.steps.learning import test, train, validate
from clew.steps.next import next_up
from clew.steps.outcome import Outcome, Verb
from clew.steps.picking import pick
from clew.steps.predicting import predict
from clew.steps.repeating import repeat
from clew.steps.sensing import sensors
from clew.steps.thread import log, verify

__all__ = [
    "VERBS",
    "Outcome",
    "Verb",
    "compare",
    "comparing",
    "confirm",
    "curve",
    "explain",
    "explore",
    "export",
    "label",
    "log",
    "name",
    "new",
    "next_up",
    "pick",
    "pixels",
    "predict",
    "relink",
    "repeat",
    "sensors",
    "state",
    "test",
    "train",
    "validate",
    "verify",
]


VERBS: dict[str, Verb] = {
    one.name: one
    for one in [
        Verb("new", new),
        Verb("explore", explore, settings="clew.explore.exploration:explore"),
        Verb("name", name),
        Verb("label", label),
        Verb("next", next_up),
        Verb("export", export),
        Verb(
            "train",
            train,
            settings=(
                "clew.learn.training:train",
                "clew.neural.training:train_net",
                "clew.neural.coding:train_coder",
                "clew.neural.pixel_net_training:train_unet",
                "clew.neural.picking_step:train_picks",
            ),
            leave_out=("on_progress", "measure"),
        ),
        Verb(
            "validate",
            validate,
            settings=("clew.learn.training:validate", "clew.neural.training:validate_net"),
        ),
        Verb(
            "explain",
            explain,
            settings=(
                "clew.learn.explaining:explain",
                "clew.neural.explaining:explain_net",
                "clew.neural.explaining_looks:explain_looks",
            ),
        ),
        Verb("curve", curve, settings=("clew.learn.curves:curve", "clew.neural.comparing:curve_net")),
        Verb(
            "compare", compare, settings=("clew.learn.families:compare", "clew.neural.comparing:compare_nets")
        ),
        Verb("repeat", repeat, settings="clew.learn.repeats:repeat"),
        Verb("sensors", sensors, settings="clew.learn.sensors:sensors"),
        Verb("state", state),
        Verb(
            "confirm",
            confirm,
            settings="clew.validate.confirm:confirm",
            leave_out=("on_progress", "hypotheses", "opening", "late_look"),
        ),
        Verb("test", test),
        Verb("predict", predict),
        Verb("pick", pick),
        Verb(
            "pixels train",
            pixels.train,
            settings=(
                "clew.learn.pixel_training:train_pixels",
                "clew.neural.pixel_net_training:train_pixel_net",
            ),
        ),
        Verb("pixels predict", pixels.predict),
        Verb("pixels compare", comparing.compare),
        Verb("log", log),
        Verb("verify", verify),
        Verb("relink", relink),
    ]
}
