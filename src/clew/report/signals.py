"""Windows for the page: traces above spectrograms, read from the recordings where they lie, and who said what when."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from clew.errors import ClewError, MissingError
from clew.plot.events import timeline as draw_timeline
from clew.plot.signals import decibels, power_range, spectrogram, thumbnail
from clew.report.gathered import Record
from clew.report.parts import drawn, group_name, section, sign
from clew.report.pictures import png
from clew.report.words import code, safe
from clew.samples import Samples
from clew.splits.parts import spread_over_groups
from clew.steps.showing import Windows
from clew.study.study import Study

MOST_STATIONS = 12
MOST_BARS = 3000
SHOWN = 4  # windows of each group: fewer than crops of objects, since a trace needs room
LINKED = 250  # points of the map that open their windows, at most
OPENED = 132  # px
MOST_APART = 40.0  # dB between the strongest and the weakest window of spectrograms on one scale


def has_windows(record: Record) -> bool:
    """Return whether the rows are windows of recordings."""
    return bool(record.facts["kind"] == "signal")


class Recorded:
    """The recordings of a record, opened once, or why they cannot be.

    Parameters
    ----------
    record : Record
    """

    def __init__(self, record: Record) -> None:
        self.record = record

    @staticmethod
    def of(record: Record) -> Recorded:
        """Return that of a record, always the same one: finding files by their content reads them whole."""
        held: Recorded = vars(record).setdefault("recorded", Recorded(record))
        return held

    @cached_property
    def windows(self) -> Windows | None:
        """Return what cuts windows out again; None where the recordings cannot be read."""
        try:
            return Windows(Study(self.record.folder))
        except MissingError:
            self.why = f"The recordings are not where they were, so their windows cannot be drawn here: {code(f'clew relink {self.record.study} PATH')} finds them."
        except ClewError as error:
            self.why = f"The recordings cannot be read any more, so their windows cannot be drawn here ({safe(type(error).__name__)})."
        return None

    def trace(self, samples: Samples, row: int) -> tuple[np.ndarray, float]:
        """Return the first living component of a window as it was measured, float64 (n,), and its rate in Hz."""
        assert self.windows is not None
        origin = samples.origin.iloc[row]
        measured = self.windows.measured(origin)
        live = np.isfinite(measured).any(axis=1)
        return measured[int(live.argmax())], self.windows.recording(origin).rate


def chosen(record: Record) -> dict[int, list[int]]:
    """Return for each group the explored open rows to show: up to 4, from the surest to the least sure."""
    samples, groups = record.shown
    assert record.exploration is not None
    sure = dict(zip(record.exploration.sample.tolist(), record.exploration.confidence))
    confidence = np.array([sure.get(str(name), 0.0) for name in samples.sample])
    found: dict[int, list[int]] = {}
    for group in range(record.exploration.k):
        rows = np.flatnonzero(groups == group)
        rows = rows[np.argsort(-confidence[rows], kind="stable")]
        if len(rows):
            places = np.linspace(0, len(rows) - 1, min(SHOWN, len(rows))).round().astype(int)
            found[group] = rows[np.unique(places)].tolist()
    return found


def windows(record: Record, recorded: Recorded, rows: list[int]) -> list[str]:
    """Return a picture (PNG as data URI) of each of some open rows; none where the recordings cannot be read."""
    if recorded.windows is None:
        return []
    traces = [recorded.trace(record.samples, row) for row in rows]
    scale = _shared([spectrogram(x, rate)[0] for x, rate in traces])
    return [png(thumbnail(x, rate, scale=scale)) for x, rate in traces]


def linked(record: Record, recorded: Recorded, places: np.ndarray) -> tuple[str, str, str]:
    """Let points of the map open their windows: return what lies over the map, the windows, and a sentence; all HTML.

    Parameters
    ----------
    record : Record
    recorded : Recorded
    places : ndarray of float64, shape (n_shown, 2)
        Where each shown row lies, from the left and the top as shares.
    """
    if recorded.windows is None:
        return "", "", ""
    samples, groups = record.shown
    look, place = record.exploration, {str(name): i for i, name in enumerate(samples.sample)}
    assert look is not None
    drawn_rows = [place.get(str(name), -1) for name in look.sample[look.shown]]
    chosen = spread_over_groups(look.groups[look.shown].astype(str), LINKED, random_state=0)
    over, opened = [], []
    for point in np.sort(chosen).tolist():
        row = drawn_rows[point]
        if row < 0:
            continue
        name = safe(str(samples.sample[row]))
        left, top = places[point] * 100
        over.append(
            f'<a class="dot" tabindex="-1" href="#w{row}" title="{name}" style="left:{left:.2f}%;top:{top:.2f}%"></a>'
        )
        x, rate = recorded.trace(samples, row)
        label = safe(str(samples.labels[row])) if samples.labels is not None and samples.labels[row] else ""
        told = ", ".join(filter(None, [label, safe(group_name(record, int(groups[row])))]))
        opened.append(
            f'<figure class="opened" id="w{row}"><img src="{png(thumbnail(x, rate, side=OPENED), colours=48)}" alt="{name}">'
            f"<figcaption>{name}: {told}</figcaption></figure>"
        )
    few = f" ({len(opened):,} of {len(places):,} do)" if len(opened) < len(places) else ""
    said = f" Click a point to see its window below{few}."
    return "".join(over), "".join(opened), said


def crops(record: Record, recorded: Recorded) -> dict[int, list[tuple[str, str]]]:
    """Return for each group (name of the row, PNG as data URI) of windows from the surest to the least sure."""
    return _crops(record, recorded)[0]


def _crops(
    record: Record, recorded: Recorded
) -> tuple[dict[int, list[tuple[str, str]]], tuple[float, float] | None]:
    """Return the pictures of `crops`, and the scale in dB that they share, if they can share one."""
    samples, _ = record.shown
    rows = chosen(record)
    traces = {row: recorded.trace(samples, row) for own in rows.values() for row in own}
    scale = _shared([spectrogram(x, rate)[0] for x, rate in traces.values()])
    found = {
        group: [(str(samples.sample[row]), png(thumbnail(*traces[row], scale=scale))) for row in own]
        for group, own in rows.items()
    }
    return found, scale


def _shared(powers: list[np.ndarray]) -> tuple[float, float] | None:
    """Return the scale in dB that suits all spectrograms; None where on one of them the weakest would be but dark."""
    strongest = [float(np.nanmax(decibels(one))) for one in powers if np.isfinite(one).any()]
    return power_range(powers) if max(strongest) - min(strongest) <= MOST_APART else None


def gallery(record: Record, recorded: Recorded) -> str:
    """Return the figure of windows of each group as HTML, or a sentence that says why there is none."""
    if recorded.windows is None:
        return f'<p class="quiet">{recorded.why}</p>'
    found, scale = _crops(record, recorded)
    cells = []
    for group, shown in found.items():
        name = safe(group_name(record, group))
        cells.append(f'<span title="{name}">{sign(group)}</span>')
        cells += [f'<img src="{uri}" alt="{safe(one)}, {name}" title="{safe(one)}">' for one, uri in shown]
        cells += ["<span></span>"] * (SHOWN - len(shown))
    plan = recorded.windows.plan
    colours = (
        f"one scale for all, dark {scale[0]:.0f} dB, light {scale[1]:.0f} dB"
        if scale
        else "each at its own scale, too"
    )
    caption = (
        f"Open windows of each group, {plan.window:g} s wide, from the surest (left) to the least sure. Above: the trace, each at its "
        f"own scale. Below: its spectrogram up to half the sampling rate, {colours}. As measured: "
        f"{safe(recorded.windows.how())}. Grey: not recorded."
    ).replace(" -", " −")
    return (
        f'<figure><div class="crops four">{"".join(cells)}</div><figcaption>{caption}</figcaption></figure>'
    )


# ---- who said what when ----
def when(record: Record) -> str:
    """Show when people's labels, or the names of groups, lie; nothing where times or labels are not known."""
    figure = timeline(record) if has_windows(record) else ""
    return section("When", "", figure, kind="all") if figure else ""


@dataclass(frozen=True)
class Said:
    """What stands in a timeline: labelled windows, those that touch put together."""

    recording: np.ndarray
    station: np.ndarray
    start: np.ndarray
    end: np.ndarray
    label: np.ndarray


def timeline(record: Record) -> str:
    """Return the figure of the open labelled windows along time as HTML; nothing where times or labels are not known."""
    samples = record.samples
    if (
        samples.labels is None
        or not {"start", "end", "station"} <= set(samples.origin)
        or not (samples.labels != "").any()
    ):
        return ""
    said = _said(samples)
    stations, counts = np.unique(said.station, return_counts=True)
    if len(stations) > MOST_STATIONS or len(said.start) > MOST_BARS:
        return ""
    known = record.classes if set(record.classes) & set(said.label.tolist()) else []
    classes = list(
        dict.fromkeys([*known, *said.label.tolist()])
    )  # the page's colours, where it has any for them
    dated = "T" in str(samples.sample[0]).rpartition("@")[2]
    drawing = draw_timeline(said, dated=dated, classes=classes, what="labelled stretches", width=700)
    told = ", ".join(f"{name} {int((said.label == name).sum())}" for name in np.unique(said.label))
    caption = f"Labels of open windows by station, windows that touch put together: {safe(told)}. Sealed windows are not drawn."
    return drawn(drawing, "timeline", caption, label=f"Timeline of labels: {told}; {int(counts.sum())} bars")


def _said(samples: Samples) -> Said:
    """Put labelled windows of a station together that touch and say the same."""
    assert samples.labels is not None
    origin = samples.origin
    columns = [origin[name].to_numpy() for name in ("station", "start", "end")]
    rows = sorted(
        (str(station), float(start), float(end), str(label))
        for station, start, end, label in zip(*columns, samples.labels)
        if label
    )
    bars: list[tuple[str, float, float, str]] = []
    for station, start, end, label in rows:
        if bars and bars[-1][0] == station and bars[-1][3] == label and start <= bars[-1][2] + 1e-6:
            bars[-1] = (station, bars[-1][1], max(end, bars[-1][2]), label)
        else:
            bars.append((station, start, end, label))
    columns = [np.array(column) for column in zip(*bars)]
    return Said(columns[0], *columns)
