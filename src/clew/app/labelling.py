"""Labels and strokes that people give on the page: recorded, acknowledged, and shown to everybody at once."""

from __future__ import annotations

import math
import threading
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from clew.app.handling import Bulk, handles
from clew.errors import DataError, SettingError, check
from clew.study.journal import Delivery, Journal, Stroke
from clew.study.record import labels_by_person

if TYPE_CHECKING:
    from clew.app.session import Session
    from clew.app.workspace import Workspace

MOST_SAMPLES = 20_000  # of one act that names them; a selection may be of any size
MOST_TOLD = 2_000  # rows that a push tells one by one; after more, a page asks for all
OWN = {"act", "client", "pairs", "who", "self"}  # words of an act itself
CANNOT_TELL = 65_535  # the class of what a person has looked at, and cannot tell
_lock, _reading = threading.Lock(), threading.Lock()
HOW = {"": 0, "person": 1, "group": 2}


def journal_of(workspace: Workspace) -> Journal:
    """Return the journal of the open study; one is kept open."""
    with _lock:
        journal: Journal | None = workspace.kept.get("journal")
        if journal is None or journal.study is not workspace.study:
            journal = workspace.kept["journal"] = Journal(workspace.study)
        return journal


def on_labels(workspace: Workspace, listener: Callable[[list[str]], None]) -> None:
    """Have ``listener(samples)`` called after each act of labelling on a page, on the writing thread."""
    workspace.kept.setdefault("label listeners", []).append(listener)


def on_strokes(workspace: Workspace, listener: Callable[[str], None]) -> None:
    """Have ``listener(image)`` called after each stroke or its undoing, on the writing thread."""
    workspace.kept.setdefault("stroke listeners", []).append(listener)


# ---- what stands ----
@dataclass(eq=False)
class _Standing:
    """The class of every open row as it stands: ``number`` uint16 (0 none, 1 the first class), ``how`` uint8."""

    number: np.ndarray
    how: np.ndarray
    last: int


def standing_of(workspace: Workspace) -> _Standing:
    """Return what stands now; read anew where another process has written labels."""
    with _reading:  # a page asks for several things at once that need it
        kept: _Standing | None = workspace.kept.get("standing")
        last = journal_of(workspace).last_event()
        if kept is None or kept.last != last:
            samples = workspace.samples.sample
            kept = _Standing(np.zeros(len(samples), np.uint16), np.zeros(len(samples), np.uint8), last)
            _put(workspace, kept, np.arange(len(samples)), workspace.study.labels())
            workspace.kept["standing"] = kept
        return kept


def counts_of_labels(workspace: Workspace) -> dict[str, int]:
    """Return how many open rows have a class now that a "person" or a "group" gave them; none that has no rows."""
    standing = standing_of(workspace)
    told = (standing.number > 0) & (standing.number < CANNOT_TELL)
    found = {how: int((standing.how[told] == code).sum()) for how, code in HOW.items() if code}
    return {how: n for how, n in found.items() if n}


def n_classes(workspace: Workspace) -> int:
    """Return how many classes open rows have now."""
    number = standing_of(workspace).number
    return len(np.unique(number[(number > 0) & (number < CANNOT_TELL)]))


def _put(workspace: Workspace, kept: _Standing, rows: np.ndarray, labels: dict[str, tuple[str, str]]) -> None:
    """Write the labels of some rows into what stands."""
    numbers = {name: i for i, name in enumerate(journal_of(workspace).classes(), start=1)} | {"": CANNOT_TELL}
    kept.number[rows], kept.how[rows] = 0, 0
    labelled = [workspace.row_of(sample) for sample in labels]
    kept.number[labelled] = [numbers[label] for label, _ in labels.values()]
    kept.how[labelled] = [HOW[how] for _, how in labels.values()]


@handles("labels.all")
def all_labels(session: Session) -> Bulk:
    """Return the class of each open row (uint16: 0 none, 65535 cannot tell) and who says so (uint8: 1 a person, 2 a group's name)."""
    workspace = session.workspace
    standing = standing_of(workspace)
    told = {"classes": journal_of(workspace).classes(), "study": workspace.identity, "last": standing.last}
    return Bulk(told, [standing.number, standing.how])


# ---- acts ----
@handles("labels.give", on="writer")
def give(
    session: Session,
    *,
    client: str,
    samples: list[str],
    label: str | None,
    extra: dict[str, Any] | None = None,
) -> dict[str, Any]:
    """Give samples a class; None: they were looked at, and cannot be told."""
    check(
        len(samples) <= MOST_SAMPLES,
        SettingError,
        "An act of labelling must name at most {} samples. Got {}: label them as a selection.",
        MOST_SAMPLES,
        len(samples),
    )
    pairs = [(sample, label) for sample in samples]
    journal = journal_of(session.workspace)
    return _told(session, journal.give(client, pairs, session.who, **_said(extra)))


@handles("labels.give_selection", on="writer")
def give_selection(session: Session, *, client: str, selection: int, label: str | None) -> dict[str, Any]:
    """Give all rows of a selection a class."""
    from clew.app.selecting import selection_rows

    check(
        selection > 0,
        SettingError,
        "A selection must be made before it is labelled. Got none: draw round some points, or select by rule.",
    )
    samples = session.workspace.samples.sample
    pairs = [(sample, label) for sample in samples[selection_rows(session, selection)].tolist()]
    return _told(session, journal_of(session.workspace).give(client, pairs, session.who))


@handles("labels.undo", on="writer")
def undo(session: Session, *, client: str, of: str | None = None) -> dict[str, Any]:
    """Take an act of labelling back: a given one, or the person's last."""
    return _told(session, journal_of(session.workspace).undo(client, of, session.who))


@handles("labels.make", on="writer")
def make(session: Session, *, client: str, label: str) -> dict[str, Any]:
    """Make a class that has no label yet."""
    return _told(session, journal_of(session.workspace).make_class(client, label, session.who))


def _said(extra: dict[str, Any] | None) -> dict[str, Any]:
    """Return what is kept beside an act: few and short plain values."""
    extra = extra or {}
    short = all(
        isinstance(one, (str, int, float, bool, type(None))) and len(str(one)) < 200 and _finite(one)
        for one in extra.values()
    )
    check(
        len(extra) <= 10 and short and not OWN & extra.keys(),
        SettingError,
        "What is said beside a label must be at most 10 short values. Got {}.",
        len(extra),
    )
    return extra


def _finite(one: Any) -> bool:
    return not isinstance(one, float) or math.isfinite(one)


def _told(session: Session, delivery: Delivery) -> dict[str, Any]:
    """Tell every page what stands now, and acknowledge."""
    workspace, journal = session.workspace, journal_of(session.workspace)
    answer = {"client": delivery.client, "of": delivery.answer.get("of"), "n": 0}
    if delivery.again:
        return answer
    samples = journal.samples_of(delivery)
    kept: _Standing | None = workspace.kept.get("standing")
    first = delivery.answer["events"][0] if delivery.answer["events"] else None
    push = {"client": delivery.client, "who": delivery.who, "classes": journal.classes(), "all": True}
    push["last"] = delivery.answer["events"][1] if delivery.answer["events"] else 0
    if len(samples) > MOST_TOLD:
        workspace.kept.pop("standing", None)  # to be read anew is quicker
    elif kept is not None and (first is None or first == kept.last + 1):
        rows = np.array([workspace.row_of(sample) for sample in samples], int)
        _put(workspace, kept, rows, journal.standing(samples))
        kept.last = delivery.answer["events"][1] if first is not None else kept.last
        push |= {"all": False, "rows": rows, "numbers": kept.number[rows], "how": kept.how[rows]}
    workspace.broadcast("labelled", **push)
    for listener in workspace.kept.get("label listeners", []):
        listener(samples)
    return {**answer, "n": len(samples)}


# ---- strokes ----
@handles("strokes.add", on="writer")
def add_stroke(session: Session, *, client: str, stroke: dict[str, Any]) -> dict[str, Any]:
    """Record a stroke: ``{image, class, radius, points, plane, erase, name, sequence}``."""
    workspace = session.workspace
    for key, kinds in _STROKE.items():
        check(
            isinstance(stroke.get(key, _DEFAULT.get(key)), kinds)
            and not (key != "erase" and stroke.get(key) is True),
            SettingError,
            "A stroke must have '{}' of the right kind. Got {}.",
            key,
            f"{stroke.get(key)!r:.60}",
        )
    image, plane = stroke["image"], stroke.get("plane", [0, 0])
    check(
        len(plane) == 2 and all(isinstance(one, int) for one in plane),
        SettingError,
        "The 'plane' of a stroke must be two whole numbers, time and depth. Got {}.",
        f"{plane!r:.60}",
    )
    journal = journal_of(workspace)
    delivery = journal.add_stroke(
        client,
        image=image,
        sha256=journal.content_of(image),
        shape=shape_of(workspace, image),
        number=stroke.get("class", 0),
        radius=float(stroke["radius"]),
        points=stroke["points"],
        plane=(plane[0], plane[1]),
        erase=bool(stroke.get("erase", False)),
        name=stroke.get("name"),
        who=session.who,
    )
    return _stroked(session, delivery, sequence=stroke.get("sequence"))


_STROKE: dict[str, Any] = {
    "image": str, "class": int, "radius": (int, float), "points": list, "plane": list, "erase": bool,
    "name": (str, type(None)), "sequence": (int, type(None)),
}  # fmt: skip
_DEFAULT: dict[str, Any] = {"class": 0, "plane": [], "erase": False}


@handles("strokes.undo", on="writer")
def undo_stroke(
    session: Session, *, client: str, of: str | None = None, image: str | None = None
) -> dict[str, Any]:
    """Take a stroke back: a given one, or the person's last on an image, or anywhere."""
    journal = journal_of(session.workspace)
    sha256 = None if image is None else journal.content_of(image)
    return _stroked(session, journal.undo_stroke(client, of, session.who, sha256=sha256))


@handles("strokes.name", on="writer")
def name_painter_class(session: Session, *, client: str, number: int, name: str) -> dict[str, Any]:
    """Give a number of the painter a name."""
    return _stroked(
        session, journal_of(session.workspace).name_painter_class(client, number, name, session.who)
    )


@handles("strokes.all")
def all_strokes(session: Session, *, image: str | None = None) -> Bulk:
    """Return the strokes of an image that stand, and the painter's classes; points (row, column) one stroke after the other."""
    journal = journal_of(session.workspace)
    strokes = journal.strokes(image)
    names = {str(number): name for number, name in journal.painter_classes().items()}
    points = [stroke.points for stroke in strokes] or [np.empty((0, 2), np.float32)]
    told = {
        "strokes": [_in_words(stroke) for stroke in strokes],
        "classes": names,
        "study": session.workspace.identity,
    }
    return Bulk(told, [np.concatenate(points).astype(np.float32)])


def _in_words(stroke: Stroke) -> dict[str, Any]:
    return {
        "client": stroke.client,
        "who": stroke.who,
        "at": stroke.at,
        "image": stroke.image,
        "plane": list(stroke.plane),
        "class": stroke.number,
        "name": stroke.name,
        "radius": stroke.radius,
        "erase": stroke.erase,
        "n": len(stroke.points),
    }


def _stroked(session: Session, delivery: Delivery, *, sequence: int | None = None) -> dict[str, Any]:
    """Tell every page of a stroke, and acknowledge."""
    workspace = session.workspace
    answer = {"client": delivery.client, "of": delivery.answer.get("of"), "sequence": sequence}
    if not delivery.again:
        image = delivery.answer.get("image", "")
        names = {str(n): name for n, name in journal_of(workspace).painter_classes().items()}
        workspace.broadcast(
            "stroked", **answer, who=delivery.who, act=delivery.what["act"], image=image, classes=names
        )
        for listener in workspace.kept.get("stroke listeners", []):
            listener(image)
    return answer


def shape_of(workspace: Workspace, image: str) -> tuple[int, int, int, int]:
    """Return the size (T, Z, Y, X) of an image of the study.

    Raises
    ------
    DataError
        If it is no image, or cannot be read.
    """
    shapes = workspace.kept.setdefault("shapes", {})
    if image not in shapes:
        from clew.read.stacks import open_stack

        source = next((one for one in workspace.study.sources() if one.name == image), None)
        if source is None or source.kind != "image":
            raise DataError(f"A stroke must lie on an image of the study. Got '{image}', which is none.")
        t, _, z, y, x = open_stack(workspace.study.locate(source)).shape
        shapes[image] = (t, z, y, x)
    return shapes[image]


# ---- two people ----
@handles("labels.agreement")
def agreement(session: Session, *, first: str | None = None, second: str | None = None) -> dict[str, Any]:
    """Return how far two people agree on what both have labelled; by default the two who labelled most."""
    from clew.validate.agreement import agreement as agree

    workspace = session.workspace
    if (
        len(known := workspace.study.people()) < 2
    ):  # nothing to compare: what one person said need not be read
        return {
            "people": dict.fromkeys(known, workspace.study.count_said()),
            "agreement": None,
            "note": f"Two people must have labelled. So far it is {(*known, 'nobody')[0]}.",
        }
    said = labels_by_person(workspace.study.label_events())
    told = {who: {sample: label for sample, label in labels.items() if label} for who, labels in said.items()}
    people = sorted(told, key=lambda who: (-len(told[who]), who))
    answer: dict[str, Any] = {"people": {who: len(told[who]) for who in people}}
    a, b = first or next(iter(people), None), second or next((who for who in people if who != first), None)
    if first is None and second is None:
        b = people[1] if len(people) > 1 else None
    if a is None or b is None or a not in told or b not in told or a == b:
        return {
            **answer,
            "agreement": None,
            "note": "Two people must have labelled. So far it is " + (a or "nobody") + ".",
        }
    both = [sample for sample in workspace.samples.sample.tolist() if sample in told[a] and sample in told[b]]
    if not both:
        return {**answer, "agreement": None, "note": f"{a} and {b} have labelled no row in common."}
    groups = dict(zip(workspace.samples.sample.tolist(), workspace.samples.group.tolist()))
    found = agree(
        [told[a][one] for one in both],
        [told[b][one] for one in both],
        groups=[groups[one] for one in both],
        samples=both,
        names=(a, b),
    )
    return {**answer, "agreement": found.summary(), "headline": found.headline(), "note": ""}
