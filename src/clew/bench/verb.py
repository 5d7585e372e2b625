"""The verb that measures: which rows, how often, and what it says of them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, Literal

from clew.bench.stages import sentence
from clew.bench.timing import Work, check_installed, machine, measure, versions_of
from clew.errors import SettingError, check, check_choice, did_you_mean
from clew.result import write_whole
from clew.steps import Outcome
from clew.steps.outcome import OnProgress

COLUMNS = ("work", "ours", "rival", "times faster (of CPU)", "peak MB", "quality")


def bench(
    work: Literal[
        "start", "explore", "pixels", "explain", "signals", "app", "neural", "encoders", "pick", "all"
    ] = "start",
    *,
    repeats: int = 3,
    only: list[str] | None = None,
    out: Path | None = None,
    on_progress: OnProgress | None = None,
) -> Outcome:
    """Measure side by side with the libraries one would use instead.

    WORK is start (until a process has answered; seconds), explore (embeddings and clusterings; half an hour),
    pixels (filters and forests on images; ten minutes), explain (Shapley values of forests; five minutes), signals
    (windows of a day, measured and classified; five minutes), app (the page in a headless browser; five minutes), neural (nets trained and asked; five minutes),
    encoders (U-Nets, denoisers and autoencoders; twenty minutes), pick (nets that pick arrivals; ten minutes) or all.

    Parameters
    ----------
    work : {"start", "explore", "pixels", "explain", "signals", "app", "neural", "encoders", "pick", "all"}
        What to measure.
    repeats : int
        Alternating runs of each side, after a warm-up that does not count; long ones make fewer, and say so.
    only : list of str
        Rows, or families of rows, to measure, such as umap-10k or tsne; the rows big (1,000,000 x 50),
        pixels-disk (16,384 x 16,384 pixels), detect-week, detect-month and those of month are measured only where they are
        named.
    out : Path
        A file for the same JSON that --json prints.

    Raises
    ------
    SettingError
        If a row is not known, or a library to measure beside is not installed.
    """
    from clew.study.record import versions

    check_choice(
        work,
        ("start", "explore", "pixels", "explain", "signals", "app", "neural", "encoders", "pick", "all"),
        what="'work' argument",
        of="bench",
    )
    check(repeats >= 1, SettingError, "The 'repeats' of bench must be at least 1. Got {} instead.", repeats)
    check(
        out is None or out.absolute().parent.is_dir(),
        SettingError,
        "The 'out' of bench must be a file in a folder that is there. Got {} instead.",
        out,
    )
    works = chosen(works_of(work), only)
    check_installed(works)
    data: dict[str, Any] = {
        "rows": [],
        "versions": versions() | versions_of(works),
        "machine": machine() | {"threads": _threads()},
        "repeats": repeats,
    }
    for done, one in enumerate(works):
        if on_progress is not None and on_progress(done, len(works)) is False:
            break
        data["rows"].append(measure(one, repeats=repeats))
        if out is not None:  # after every row: the next one may take minutes
            write_whole(out, (json.dumps(data, indent=1) + "\n").encode())
    return Outcome([*table(data["rows"]), "", *remarks(data)], data)


def works_of(work: str) -> list[Work]:
    """Return the rows of a work."""
    from clew.bench import app, encoders, explain, explore, neural, pick, pixels, signals, start

    rooms = {
        "start": start.works,
        "explore": explore.works,
        "pixels": pixels.works,
        "explain": explain.works,
        "signals": signals.works,
        "app": app.works,
        "neural": neural.works,
        "encoders": encoders.works,
        "pick": pick.works,
    }
    return [one for name, works in rooms.items() if work in (name, "all") for one in works()]


def chosen(works: list[Work], only: list[str] | None) -> list[Work]:
    """Return the works that are named by name, the usual ones of families ("umap" for "umap-10k"), or all usual ones."""
    if not only:
        return [one for one in works if not one.on_request]
    for name in only:
        names = [one.name for one in works] + [one.name.partition("-")[0] for one in works]
        check(
            name in names,
            SettingError,
            "The 'only' setting of bench must name some of: {}. Got '{}' instead.{}",
            ", ".join(one.name for one in works),
            name,
            did_you_mean(name, names),
        )
    families = {one.name: one.name.partition("-")[0] for one in works if not one.on_request}
    return [one for one in works if one.name in only or families.get(one.name) in only]


def _threads() -> int:
    from clew.kernels.threads import n_threads

    return n_threads()


# ---- what a person reads ----
def table(rows: list[dict[str, Any]]) -> list[str]:
    """Return the rows as a Markdown table that a terminal shows in columns, too."""
    cells = [COLUMNS, *(_cells(row) for row in rows)]
    widths = [max(len(row[i]) for row in cells) for i in range(len(COLUMNS))]
    lines = ["| " + " | ".join(cell.ljust(width) for cell, width in zip(row, widths)) + " |" for row in cells]
    return [lines[0], "|" + "|".join("-" * (width + 2) for width in widths) + "|", *lines[1:]]


def _cells(row: dict[str, Any]) -> tuple[str, ...]:
    faster = "" if row["ratio"] is None else f"{row['ratio']:.1f} ({row['cpu_ratio']:.1f})"
    peak, quality = row["peak_mb"] or {}, row["quality"] or {}
    return (
        f"{row['work']}: {row['what']}",
        _time(row, "ours"),
        f"{row['rival']}: {_time(row, 'rival')}" if row["rival"] else "",
        faster,
        _beside(peak.get("ours"), peak.get("rival")),
        ", ".join(
            f"{name.replace('_', ' ')} {_beside(value, quality.get('rival', {}).get(name))}"
            for name, value in quality.get("ours", {}).items()
        ),
    )


def _time(row: dict[str, Any], side: str) -> str:
    low, high = row[f"{side}_range_s"]
    apart = "" if row["how"][side].startswith("the median") else f": {row['how'][side]}"
    return f"{_figure(row[f'{side}_s'])} s [{_figure(low)} to {_figure(high)}]{apart}"


def _beside(ours: float | None, rival: float | None) -> str:
    return " / ".join(_figure(value) for value in (ours, rival) if value is not None)


def _figure(value: float) -> str:
    """Write a figure with three digits or more: 0.0123, 1.23, 123, 1,234."""
    return f"{value:,.0f}" if isinstance(value, int) or abs(value) >= 100 else f"{value:#.3g}"


def remarks(data: dict[str, Any]) -> list[str]:
    """Say what the table does not."""
    where, versions = data["machine"], data["versions"]
    told = [
        f"Medians of {data['repeats']} runs [lowest to highest], unless a row says otherwise; both sides in turn after a "
        "warm-up. Where two figures stand: ours / rival.",
        "Peak memory: one run of each side in a fresh process of its own, with interpreter, libraries, data and compiling.",
        f"{where['cpu']}, {where['usable_cores']} cores, {where['threads']} threads of ours; load before: {where['load']}.",
        ", ".join(f"{name} {version}" for name, version in versions.items()) + ".",
    ]
    if where["load"] > 0.5:
        told.append(
            "Other work ran on this machine: trust the ratios of CPU seconds, not those of wall time."
        )
    return told + [sentence(row["work"], row["where"]) for row in data["rows"] if row["where"]]
