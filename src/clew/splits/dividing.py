"""Which kind of division rows allow, how wide its gap is, and what is said of it: of `clew.splits` the words."""

from __future__ import annotations

from typing import Literal

import numpy as np

from clew.errors import DataError, SettingError, check, check_choice
from clew.samples import Samples
from clew.splits.apart import has_places, has_times, positions, space_gap, spell_time, time_gap, times

By = Literal["auto", "group", "time", "space", "row"]
Sealing = Literal["auto", "group", "time", "latest", "space", "row"]
Way = Literal["group", "time", "latest", "space", "row"]
MISSED = 0.1  # difference between the sealed and the asked share that is said first


# ---- which kind of division ----
def way_to_divide(samples: Samples, by: Sealing, *, of: str) -> Way:
    """Return the kind of division that was asked for or that "auto" stands for; refuse what the rows do not allow.

    A row with a time is taken to resemble its neighbours in time even where each row is a group of its own: if it does
    not, the measured gap is short and costs nothing.
    """
    choices = ["auto", "group", "time", *(["latest"] if of != "folds" else []), "space", "row"]
    check_choice(by, choices, what="'by' setting", of=of)
    n_groups, n_rows = samples.n_groups, samples.n_rows
    if by == "auto":
        if 1 < n_groups < n_rows:
            return "group"
        if has_times(samples):
            return "time"
        if n_groups == n_rows:
            return "row"
        check(
            has_places(samples),
            DataError,
            "The rows of {} must come from several groups, or have a time, or a place in one image. Got {} rows of the"
            " one group '{}' instead; 'by' may be 'row', which flatters the figures.",
            of,
            n_rows,
            samples.group[0],
        )
        return "space"
    if by == "group":
        check(
            n_groups > 1,
            DataError,
            "Division by group must have at least 2 groups. Got {} instead.",
            n_groups,
        )
        # Of rows that have groups, those with a label may all be of different ones: then a fold by group is one.
        unknown = n_groups == n_rows and (of == "seal" or np.array_equal(samples.group, samples.sample))
        check(
            not unknown,
            DataError,
            "Division by group must have groups of several rows. Got {} rows, each a group of its own: name the column"
            " of groups when the study is made (--group COLUMN), or divide by row.",
            n_rows,
        )
    if by in ("time", "latest"):
        check(
            has_times(samples),
            DataError,
            "Division by time must have rows with times, in s, that differ. Got {} instead.",
            "rows where some are missing or all are the same"
            if "start" in samples.origin
            else "rows without",
        )
    if by == "space":
        check(
            has_places(samples),
            DataError,
            "Division by space must have rows of one image, with centroid_row and centroid_col. Got {} instead.",
            f"{samples.origin['source'].nunique()} sources"
            if "centroid_row" in samples.origin
            else "rows without",
        )
    return by


def count_units(samples: Samples, way: Way) -> int:
    """Return how many things can be dealt that must not be torn."""
    if way in ("time", "latest"):
        return len(np.unique(times(samples)[:, 0]))
    return samples.n_groups if way == "group" else samples.n_rows


# ---- the gap ----
def check_gap(gap: float | None, way: Way, *, of: str) -> None:
    """Refuse a gap that is no distance, or where there is none to keep."""
    check(
        gap is None or (way in ("time", "latest", "space") and 0 <= gap < np.inf),
        SettingError,
        "The 'gap' of {} must be a distance of at least 0 px for a division by space, or of at least 0 s for one by time."
        " Got {} by {} instead.",
        of,
        gap,
        way,
    )


def gap_of(samples: Samples, way: Way, gap: float | None) -> tuple[float, str]:
    """Return the gap that is kept, in s or px, and where it comes from."""
    if way not in ("time", "latest", "space"):
        return 0.0, ""
    if gap is not None:
        return float(gap), "as asked"
    if way == "space":
        return space_gap(positions(samples)), "the usual distance between neighbours"
    measured, longer = time_gap(samples)
    if longer:
        return (
            measured,
            "a twentieth of the record; rows resemble each other for longer, so the figures may flatter",
        )
    return measured, "for so long rows resemble each other"


def spell_gap(gap: float, way: Way) -> str:
    """Say a gap with its unit."""
    return f"{gap:.3g} px" if way == "space" else spell_time(gap)


# ---- what is said ----
def how_divided(samples: Samples, way: Way, what_happens: str) -> str:
    """Say what keeps the parts apart, to follow on "5 folds"; ``what_happens`` to stretches and blocks."""
    if way == "group":
        return f"by group: no group is in two parts ({samples.n_groups} groups)."
    if way == "time":
        return f"by time: stretches of the record are {what_happens}. Other records may differ more."
    if way == "latest":
        return "by time: the earliest rows train, later ones validate and the latest ones test, as for a forecast."
    if way == "space":
        return f"by space: all rows come from one image, so blocks of it are {what_happens}. Other images may differ more."
    alike = what_is_alike(samples)
    if not alike:
        return "by row: each row stands for itself."
    return (
        f"by row, as asked: {alike} are on both sides, which flatters the figures, since a model can remember them instead of"
        " learning what is common."
    )


def what_is_alike(samples: Samples) -> str:
    """Return what rows resemble each other that a division by row tears apart, or an empty string."""
    alone = samples.n_groups == samples.n_rows
    found = ["rows of one group"] if samples.n_groups > 1 and not alone else []
    found += ["rows close in time"] if has_times(samples) else []
    found += ["neighbours in the image"] if not alone and has_places(samples) else []
    if not found and not alone:
        found = ["rows of one source"]
    return " and ".join(found)


def gap_said(way: Way, gap: float, why: str, what_happens: str) -> str:
    """Return a sentence on the gap and where it comes from, or an empty string where there is none."""
    if not why or not gap:
        return ""
    whom = "a test row" if what_happens == "do not train" else "another part"
    return f"Rows nearer than {spell_gap(gap, way)} to {whom} {what_happens} ({why})."


def shared_said(n: int, what_happens: str) -> str:
    """Return a sentence on the ``n`` rows that are left out as they overlap others, or an empty string if there are none."""
    if not n:
        return ""
    whom = "test windows" if what_happens == "do not train" else "windows of another part"
    return f"{n:,} overlapping windows {what_happens}: they share samples with {whom} of the same recording."


def torn_groups(samples: Samples, way: Way, train: np.ndarray, test: np.ndarray) -> str:
    """Return a sentence on groups that are on both sides of a division by time or space, or an empty string."""
    if way not in ("time", "latest", "space") or samples.n_groups in (1, samples.n_rows):
        return ""
    code = np.unique(samples.group, return_inverse=True)[1].reshape(-1)
    torn: set[int] = set()
    for a, b in zip(train, test):
        torn |= set(code[a].tolist()) & set(code[b].tolist())
    if not torn:
        return ""
    return f"{len(torn)} of {samples.n_groups} groups are on both sides, as asked, which flatters the figures if their rows resemble each other."


def missing_classes(samples: Samples, parts: dict[str, np.ndarray], cannot: str) -> list[str]:
    """Return a sentence on the classes that some part lacks, for each thing that is done with parts (n, n_rows)."""
    if samples.labels is None:
        return []
    names = [name for name in np.unique(samples.labels) if name]
    said = []
    for does, part in parts.items():
        lacking = [str(name) for name in names if not (part & (samples.labels == name)).any(axis=1).all()]
        if lacking:
            said.append(f"{cannot} {does} on: {', '.join(lacking)}.")
    return said


def seal_reason(samples: Samples, way: Way, sealed: np.ndarray, share: float) -> str:
    """Say how many rows are sealed, which, and what to mind."""
    text = f"{sealed.sum()} of {sealed.size} rows are sealed ({sealed.mean():.0%}, asked for {share:.0%})"
    if abs(sealed.mean() - share) > MISSED:
        whole = {"group": "whole groups", "time": "whole times", "latest": "whole times"}.get(
            way, "so few rows"
        )
        text = (
            f"{sealed.mean():.0%} of the rows are sealed instead of the {share:.0%} asked for, as {whole} come no nearer"
            f" ({sealed.sum()} of {sealed.size} rows)"
        )
    if way == "group":
        n_sealed = len(np.unique(samples.group[sealed]))
        return f"{text}: {n_sealed} of {samples.n_groups} groups, each as a whole."
    if way == "time":
        order = np.argsort(times(samples)[:, 0], kind="stable")
        n_stretches = int((np.diff(sealed[order].astype(int), prepend=0) == 1).sum())
        spread = f"{n_stretches} stretches spread over the record" if n_stretches > 1 else "a stretch of time"
        return f"{text}: {spread}."
    if way == "latest":
        return f"{text}: the latest ones, as for a forecast."
    if way == "space":
        return (
            f"{text}: regions spread over the image. Neighbours of sealed regions stay open, so that the final test is"
            " easier than another image would be."
        )
    alike = what_is_alike(samples)
    if not alike:
        return f"{text}, at random: each row stands for itself."
    return (
        f"{text}, at random as asked: {alike} are open and sealed, which flatters the figures, since a model can remember"
        " them instead of learning what is common."
    )
