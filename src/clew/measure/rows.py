"""Rows of tables as samples: which column is a measurement, which one a name, a group, a label."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from typing import TYPE_CHECKING, Literal

import numpy as np

from clew.errors import DataError, SettingError, check, check_choice, did_you_mean
from clew.measure.measured import Measured, counted
from clew.read.kinds import distinct_names
from clew.read.tables import Table
from clew.read.times import Times, is_date, read_times
from clew.samples import Samples
from clew.words import listed

if TYPE_CHECKING:
    import pandas as pd

    from clew.distances import Distances

Roles = dict[str, str | None]

# Names by which a role is guessed; "patient_id" and "Patient ID" count as "patient".
IDENTIFIERS = ("identifier", "id", "sample", "name", "index")
GROUPS = ("group", "patient", "subject", "donor", "animal", "plate", "batch", "site", "station", "event", "image")  # fmt: skip
LABELS = ("label", "class")
TIMES = ("year", "date", "time", "datetime", "timestamp", "date time", "day", "month")
OURS = ("source", "row", "start", "end")  # columns of the origin that are not the table's
MOST_CLASSES = 20  # a numeric "label" with more values than this counts something; it is no class
MOST_OFFERED = (
    10  # values of a column of text that is offered as the label; with more of them it names groups
)
FEWEST_COUNTED = 10  # rows from which on 1, 2, 3, ... is no measurement by chance

# fmt: off
UNITS = {
    **{unit: unit for unit in ("nm", "µm", "mm", "cm", "m", "km", "mg", "g", "kg", "µl", "ml", "l", "ms", "s", "min", "h",
                               "px", "deg", "rad", "°C", "K", "%", "Pa", "hPa", "kPa", "mV", "V", "Hz", "kHz")},
    "um": "µm", "μm": "µm", "micron": "µm", "pixel": "px", "ul": "µl", "hz": "Hz", "percent": "%",
}
# fmt: on
NO_NAME = re.compile(r"Unnamed: \d[\d.]*")  # what pandas calls a column without a name
POWERS = {"": "", "2": "²", "^2": "²", "²": "²", "3": "³", "^3": "³", "³": "³"}
TOO_SHORT = frozenset("lhKV")  # to be meant as the unit in "x_h"


def measure_rows(
    tables: Sequence[Table],
    *,
    label: str | None = None,
    group: str | None = None,
    identifier: str | None = None,
    target: str | None = None,
    time: str | None = None,
    leave_out: tuple[str, ...] = (),
    missing: Literal["drop", "refuse"] = "drop",
    columns: tuple[str, ...] = (),
    distances: Distances | None = None,
) -> Measured:
    """Make samples of the rows of tables that have the same columns.

    Columns of numbers are features. Names, groups and labels are found by what their columns are called, unless
    settings say which they are.

    Parameters
    ----------
    tables : sequence of Table
        At least one; together at least two rows.
    label, group, identifier : str, optional
        The columns with the classes, the units of independence and the names of the rows.
    target : str, optional
        A column of numbers to be predicted.
    time : str, optional
        The column that says when each row was taken, for which see `clew.read.times.read_times`; it becomes ``start`` of
        ``origin``, in s. Without it, the one column of which every entry is a date is taken, and it is said.
    leave_out : tuple of str
        Columns that are no features; like all that are none, they stay in ``origin``.
    missing : {"drop", "refuse"}
        What happens to rows that lack a feature, or the time where it was asked for.
    columns : tuple of str
        Just these are features, constant ones too, and one row is enough: what a trained model asks of new rows.
    distances : Distances, optional
        How far the rows are from each other, found by the names of the rows; then there may be no features.

    Returns
    -------
    Measured
        Samples are called by the identifier if it is unique, else by file and row ("iris.csv#1"). Without a group
        column, each row is a group of its own; of several tables, each table is one.

    Raises
    ------
    DataError
        If columns differ between tables, one of ``columns`` is not there, one is constant or all missing, a time cannot
        be read, or no rows remain.
    SettingError
        If a setting names a column that is not there, or one column has two roles.
    """
    check(tables, DataError, "The tables of measure_rows must be at least one. Got none.")
    check_choice(missing, ("drop", "refuse"), what="'missing' setting", of="new")
    notes = [note for table in tables for note in table.notes]
    given: Roles = {"label": label, "group": group, "identifier": identifier, "target": target, "time": time}
    where = f"'{tables[0].name}'" if len(tables) == 1 else f"the {len(tables)} tables"
    frame, origin = _joined(tables)
    _check_trained_on(frame, columns, where)
    _check_names(frame, given, leave_out, columns)
    roles = _with_guesses(frame, given, {*leave_out, *columns}, notes)
    notes += _no_labels(tables, roles["label"])
    notes += [] if columns else _lone_class(frame, roles["label"])
    taken = None if columns and time is None else _times(frame, origin, roles, leave_out, notes)
    features = list(columns) or _features(frame, origin, roles, leave_out, notes)
    check(
        features or distances is not None,
        DataError,
        "The columns of {} must hold numbers in at least one that has no other role. Got: {}.",
        where,
        _listed(_columns(frame)),
    )
    _check_measurable(frame, [*features, *([target] if target else [])], where)

    needed = (
        frame[features] if taken is None else frame[features].assign(**{str(roles["time"]): taken.seconds})
    )
    whole = _whole_rows(needed, origin, missing, where, notes)
    kept, origin = frame[whole].reset_index(drop=True), origin[whole].reset_index(drop=True)
    if taken is not None:
        origin["start"] = taken.seconds[whole]
    if not columns:
        _check_comparable(kept, features, where)
    sample = _sample_names(kept, origin, roles["identifier"])
    samples = Samples(
        features=kept[features].to_numpy(np.float64),
        feature_names=tuple(features),
        units=tuple(unit_of(name) for name in features),
        sample=sample,
        origin=_with_columns(origin, kept.drop(columns=features)),
        group=_groups(kept, origin, roles["group"], sample, len(tables), notes),
        labels=_as_text(kept[roles["label"]]) if roles["label"] else None,
        target=kept[target].to_numpy(np.float64) if target else None,
    )
    counts = {"found": len(frame), "missing": int((~whole).sum()), "kept": len(kept)}
    if distances is not None:
        samples = samples.with_distances(_distances_of(samples, distances, where, len(frame), notes))
    settings = {**roles, "leave_out": list(leave_out), "missing": missing, "columns": features}
    read = {
        name: table.sha256 for name, table in zip(distinct_names([table.path for table in tables]), tables)
    }
    return Measured(samples, {}, notes, counts, settings, read, distances)


def unit_of(column: str) -> str:
    """Return the unit that a column's name ends in ("area [px]", "bill_length_mm", "area_um2"), or "".

    Only units that are known count: "radius (worst)" has none.
    """
    bracketed = re.search(r"[\[(]\s*([^\[\]()]+?)\s*[\])]\s*$", column)
    word = re.search(r"_([A-Za-zµμ]+[23²³]?)$", column)
    found = bracketed or word
    parts = re.fullmatch(r"(.+?)(\^?[23]|[²³])?", found.group(1)) if found else None
    if (
        parts is None
        or parts.group(1) not in UNITS
        or (word and not bracketed and parts.group(1) in TOO_SHORT)
    ):
        return ""
    return UNITS[parts.group(1)] + POWERS[parts.group(2) or ""]


# ---- one frame of all tables ----
def _joined(tables: Sequence[Table]) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Return all rows with the columns of the first table, and for each row its source and number there (from 1)."""
    import pandas as pd

    first = tables[0]
    frames = []
    for table in tables:
        _check_same_columns(first, table)
        frames.append(table.frame[_columns(first.frame)])
    sizes = [len(frame) for frame in frames]
    origin = pd.DataFrame(
        {
            "source": np.repeat(distinct_names([table.path for table in tables]), sizes),
            "row": np.concatenate([np.arange(1, n + 1) for n in sizes]),
        }
    )
    return pd.concat(frames, ignore_index=True), origin


def _check_same_columns(first: Table, other: Table) -> None:
    lacking = [name for name in _columns(first.frame) if name not in other.frame]
    besides = [name for name in _columns(other.frame) if name not in first.frame]
    check(
        not lacking and not besides,
        DataError,
        "The table '{}' must have the same columns as '{}'. Got none named {}, and {} besides.",
        other.path,
        first.name,
        _listed(lacking) or "otherwise",
        _listed(besides) or "none",
    )
    for name in _columns(first.frame):
        check(
            _is_numeric(first.frame[name]) == _is_numeric(other.frame[name]),
            DataError,
            "The column '{}' must hold numbers in all tables or in none. Got {} in '{}' and {} in '{}'.",
            name,
            "numbers" if _is_numeric(first.frame[name]) else "text",
            first.name,
            "numbers" if _is_numeric(other.frame[name]) else "text",
            other.name,
        )


def _columns(frame: pd.DataFrame) -> list[str]:
    return [str(name) for name in frame]


def _listed(names: Sequence[str]) -> str:
    return ", ".join(f"'{name}'" for name in names[:8]) + ", ..." * (len(names) > 8)


def _is_numeric(column: pd.Series) -> bool:
    return column.dtype == np.float64


def _is_whole(column: pd.Series) -> bool:
    """Tell whether a column holds text, or no other numbers than whole ones: what may name something."""
    return not _is_numeric(column) or bool((column.dropna() % 1 == 0).all())


def _is_time(name: str, column: pd.Series) -> bool:
    """Tell whether a column of text holds dates or times: all that can be read, or called so and written with numbers."""
    if _is_numeric(column):
        return False
    values = [str(value) for value in column if value != ""]
    if _key(name) in TIMES:
        return bool(values) and all(re.search(r"\d.*[-/:. ].*\d", value) for value in values)
    return bool(values) and all(map(is_date, values))


def _dates(name: str, column: pd.Series) -> Times | None:
    """Return the times in a column of dates, and nothing of another, or where it is in doubt what they are."""
    try:
        return read_times(column.to_numpy(), name=name, dates_only=True)
    except DataError:
        return None


def _as_text(column: pd.Series) -> np.ndarray:
    """Return a column as text; "" where missing, whole numbers without a point."""
    if not _is_numeric(column):
        return column.to_numpy(dtype=str)
    return np.array(
        ["" if np.isnan(v) else str(int(v)) if v == int(v) else repr(float(v)) for v in column], dtype=str
    )


def _with_columns(origin: pd.DataFrame, others: pd.DataFrame) -> pd.DataFrame:
    """Return the origin with the columns that are no features; one called like ours gets an underscore."""
    for name in _columns(others):
        origin[f"{name}_" if name in OURS else name] = others[name]
    return origin


# ---- who is what ----
def _check_trained_on(frame: pd.DataFrame, columns: Sequence[str], where: str) -> None:
    """Refuse a table without a model's columns; another column, be its name ever so similar, measures another thing."""
    lacking = [name for name in columns if name not in frame]
    check(
        not lacking,
        DataError,
        "The table{} {} must have the column{} {} that the model was trained on. Got: {}.",
        "" if where.startswith("'") else "s:",
        where,
        "s" * (len(lacking) > 1),
        _listed(lacking),
        ", ".join(_columns(frame)),
    )


def _check_names(frame: pd.DataFrame, given: Roles, leave_out: Sequence[str], columns: Sequence[str]) -> None:
    used = [(role, name) for role, name in given.items() if name is not None]
    used += [("leave_out", name) for name in leave_out] + [("columns", name) for name in columns]
    seen: dict[str, str] = {}
    for setting, name in used:
        if name not in frame:
            raise SettingError(
                f"The '{setting}' setting of new must be a column: {', '.join(_columns(frame))}. "
                f"Got '{name}' instead.{did_you_mean(name, _columns(frame))}"
            )
        check(
            name not in seen,
            SettingError,
            "Every column must have one role. Got '{}' as both {} and {}.",
            name,
            seen.get(name),
            setting,
        )
        seen[name] = setting


def _key(column: str) -> str:
    """Return a column's name as roles are looked up: "patient" for "Patient ID"."""
    words = re.findall("[a-z]+", column.casefold())
    return " ".join(words[:-1] if len(words) > 1 and words[-1] in ("id", "name", "number", "nr") else words)


def _with_guesses(frame: pd.DataFrame, given: Roles, taken: set[str], notes: list[str]) -> Roles:
    """Fill the roles that no setting names by the columns' names, and note each guess."""
    taken = taken | {name for name in given.values() if name}
    free = {name: _key(name) for name in _columns(frame) if name not in taken and _is_whole(frame[name])}
    distinct = {name: frame[name][frame[name] != ""].nunique() for name in free}
    n = len(frame)
    named = [name for name in free if distinct[name] == n]
    guesses: Roles = {
        "label": next(
            (
                name
                for name, key in free.items()
                if key in LABELS and 1 < distinct[name] < n
                if not _is_numeric(frame[name]) or distinct[name] <= MOST_CLASSES
            ),
            None,
        ),
        # The coarsest one: rows of one plate, or of one patient, resemble each other whatever else they differ in.
        "group": min(
            (
                name
                for name, key in free.items()
                if (key in GROUPS or key in ("sample", "id", "identifier")) and 1 < distinct[name] < n
            ),
            key=lambda name: (free[name] not in GROUPS, distinct[name]),
            default=None,
        ),
        "identifier": next(
            (name for key in (*IDENTIFIERS, *LABELS) for name in named if free[name] == key), None
        ),
    }
    for role, name in guesses.items():
        if name is not None and given[role] is None:
            notes.append(
                f"The column '{name}' is taken as the {role}, for its name (--{role} says otherwise)."
            )
    return {role: name or guesses.get(role) for role, name in given.items()}


def _times(
    frame: pd.DataFrame, origin: pd.DataFrame, roles: Roles, leave_out: Sequence[str], notes: list[str]
) -> Times | None:
    """Return when the rows were taken, by the column that was named or else by the only one that holds whole dates."""
    if roles["time"] is not None:
        places = [f"{source}#{row}" for source, row in zip(origin["source"], origin["row"])]
        found = read_times(frame[roles["time"]].to_numpy(), name=roles["time"], places=places)
        notes.append(f"The time of a row is '{roles['time']}': {found.how}.")
        return found
    free = [name for name in _columns(frame) if name not in (*roles.values(), *leave_out)]
    read = {name: _dates(name, frame[name]) for name in free}
    whole = {name: one for name, one in read.items() if one is not None and np.isfinite(one.seconds).all()}
    if len(whole) != 1:
        return None
    ((name, taken),) = whole.items()
    roles["time"] = name
    notes.append(
        f"The column '{name}' is taken as the time of the rows, as all of it is {taken.how}; --time says otherwise, "
        f"--leave-out {name} takes none."
    )
    return taken


def _features(
    frame: pd.DataFrame, origin: pd.DataFrame, roles: Roles, leave_out: Sequence[str], notes: list[str]
) -> list[str]:
    """Return the columns of numbers that have no role; note the others that are left out."""
    rest = [name for name in _columns(frame) if name not in (*roles.values(), *leave_out)]
    times = [name for name in rest if roles["group"] is None and _is_time(name, frame[name])]
    text = [name for name in rest if not _is_numeric(frame[name]) and name not in times]
    names = {*IDENTIFIERS, *GROUPS, *LABELS}
    whole = [name for name in rest if name not in (*text, *times) and _is_whole(frame[name])]
    naming = [name for name in whole if _key(name) in names]
    rows = origin["row"].to_numpy()
    unnamed = [
        name
        for name in whole
        if NO_NAME.fullmatch(name) and (frame[name].is_unique or _counts_rows(frame[name].to_numpy(), rows))
    ]
    if leave_out:
        notes.append(f"Left out as asked: {_listed(leave_out)}.")
    if text:
        notes.append(
            f"Left out, being text: {_listed(text)} (--label, --group or --identifier gives a role)."
        )
    if naming:
        notes.append(f"Left out, being numbers that name something: {_listed(naming)}.")
    if unnamed:
        notes.append(f"Left out, having no name and numbering the rows: {_listed(unnamed)}.")
    if _learns_nothing(roles):
        lone = [name for name in (*text, *naming) if _key(name) in LABELS]
        notes += [said for name in lone for said in _lone_class(frame, name)]
    notes += [
        f"The column '{name}' holds times and is left out: rows close in time may resemble each other, "
        f"and a random seal or fold flatters; --time {name} divides by it, --group by another column."
        for name in times
    ]
    notes += [
        f"The column '{name}' holds numbers and is measured like the others; --time {name} if it says when a row was taken."
        for name in rest
        if _is_numeric(frame[name]) and _key(name) in TIMES and roles["time"] is None
    ]
    features = [name for name in rest if name not in (*text, *times, *naming, *unnamed)]
    notes += _offered(frame, roles, text)
    notes += _doubtful(frame, rows, roles, features)
    return features


def _learns_nothing(roles: Roles) -> bool:
    return roles["label"] is None and roles["target"] is None


def _offered(frame: pd.DataFrame, roles: Roles, text: Sequence[str]) -> list[str]:
    """Say which columns of text could be the label or the group, where there is none: those whose values several rows share.

    Few values are classes sooner than groups: whoever seals one of three species learns two.
    """
    values = {name: frame[name][frame[name] != ""].nunique() for name in text}
    several = {name: n for name, n in values.items() if 2 <= n <= len(frame) / 2}
    few = {name: n for name, n in several.items() if n <= MOST_OFFERED}
    many = [name for name in several if name not in few]
    word, it = (next(iter(few)), "that") if len(few) == 1 else ("NAME", "one")
    offers = []
    if _learns_nothing(roles):
        offers.append(f"--label {word} if {it} is what is to be learnt")
    if roles["group"] is None:
        offers.append(f"--group {word} if rows of one value belong together")
    said = []
    if few and offers:
        have = listed([f"'{name}' has {n} values" for name, n in few.items()])
        said.append(f"{have}: {', '.join(offers)}.")
    if many and roles["group"] is None:
        said.append(
            f"Rows share values of {_listed(many)}: say --group {many[0]} if rows of one {many[0]} resemble each other."
        )
    return said


def _doubtful(frame: pd.DataFrame, rows: np.ndarray, roles: Roles, features: Sequence[str]) -> list[str]:
    """Say which features may be none: those that count the rows, and those of 0 and 1, which may be the answer."""
    counters = [
        name for name in features if _counts_rows(frame[name].to_numpy(), rows) and _key(name) not in TIMES
    ]
    said = [
        f"'{name}' counts the rows: --leave-out {name} unless it measures something." for name in counters
    ]
    binary = [name for name in features if set(frame[name].dropna()) == {0, 1}]
    if binary and _learns_nothing(roles):
        word, it = (binary[0], "it") if len(binary) == 1 else ("NAME", "one")
        holds = "holds" if len(binary) == 1 else "hold"
        said.append(
            f"{_listed(binary)} {holds} only 0 and 1: --label {word} if {it} is what is to be learnt."
        )
    return said


def _counts_rows(values: np.ndarray, rows: np.ndarray) -> bool:
    """Tell whether values are 0, 1, 2, ... or 1, 2, 3, ..., throughout or, with ``rows``, anew in each table."""
    counts = (counted - start for counted in (rows, np.arange(1, len(rows) + 1)) for start in (0, 1))
    return len(values) >= FEWEST_COUNTED and any(np.array_equal(values, one) for one in counts)


def _lone_class(frame: pd.DataFrame, label: str | None) -> list[str]:
    """Say that a column of labels has one class only, if so."""
    values = set() if label is None else set(_as_text(frame[label]).tolist()) - {""}
    if len(values) != 1:
        return []
    return [f"The column '{label}' has one class only, '{values.pop()}': a model needs two to tell apart."]


def _no_labels(tables: Sequence[Table], label: str | None) -> list[str]:
    """Say which words in the column of labels are taken as no label, and how many: one may be the name of a class."""
    words: Counter[str] = Counter()
    for table in tables:
        words.update(table.gaps.get(label or "", {}))
    return [
        f"{n} label{'s' * (n > 1)} in '{label}' read{'s' * (n == 1)} '{word}' and {'are' if n > 1 else 'is'} taken as no label; "
        "write it otherwise if it names a class."
        for word, n in words.items()
    ]


# ---- which rows stay ----
def _check_measurable(frame: pd.DataFrame, names: Sequence[str], where: str) -> None:
    for name in names:
        check(
            _is_numeric(frame[name]),
            DataError,
            "The column '{}' of {} must hold numbers. Got text, such as '{}'.",
            name,
            where,
            frame[name].iloc[0],
        )
        check(
            frame[name].notna().any(),
            DataError,
            "The column '{}' of {} must hold values. Got none in {}: leave it out with --leave-out {}",
            name,
            where,
            counted(len(frame), "row"),
            name,
        )


def _whole_rows(
    needed: pd.DataFrame, origin: pd.DataFrame, missing: str, where: str, notes: list[str]
) -> np.ndarray:
    """Return which rows have all that is needed, shape (n_rows,) of bool; note what is missing of the others."""
    lacking = needed.isna()
    whole = ~lacking.any(axis=1).to_numpy()
    if whole.all():
        return whole
    by_column = ", ".join(f"{name} ({n})" for name, n in lacking.sum().items() if n)
    first = origin.iloc[int(np.argmin(whole))]
    check(
        missing == "drop",
        DataError,
        "Every row of {} must have all features. Got {} of {} rows without: missing {}; the first is {}#{}.",
        where,
        int((~whole).sum()),
        len(whole),
        by_column,
        first["source"],
        first["row"],
    )
    check(
        whole.any(),
        DataError,
        "The rows of {} must have all features in at least one. Got none of {}: missing {}; "
        "leave columns out with --leave-out NAME",
        where,
        len(whole),
        by_column,
    )
    notes.append(f"{int((~whole).sum())} of {len(whole)} rows left out: missing {by_column}.")
    return whole


def _check_comparable(kept: pd.DataFrame, features: Sequence[str], where: str) -> None:
    check(
        len(kept) >= 2,
        DataError,
        "The rows of {} must be at least 2. Got {} that can be used.",
        where,
        len(kept),
    )
    constant = [name for name in features if kept[name].nunique() < 2]
    if constant:
        more = f", as one of {len(constant)} such columns," if len(constant) > 1 else ""
        raise DataError(
            f"The column '{constant[0]}' of {where} must hold different values. Got {kept[constant[0]].iloc[0]:g}{more} "
            f"in all {len(kept)} rows: leave it out with --leave-out {','.join(constant)}"
        )


def _distances_of(
    samples: Samples, distances: Distances, where: str, n_found: int, notes: list[str]
) -> np.ndarray:
    """Return the distances between the rows, float64 of shape (n_rows, n_rows); those of other rows are left out, and noted."""
    if distances.names is None:
        check(
            distances.n_rows == n_found == samples.n_rows,
            DataError,
            "Distances without names must be for just the rows of {}, in their order. Got {} distances for {} rows, {} of them whole.",
            where,
            distances.n_rows,
            n_found,
            samples.n_rows,
        )
        notes.append("The distances have no names: they are taken for the rows in their order.")
        return distances.matrix
    places = distances.places_of(samples.sample, of=where)
    if len(places) < distances.n_rows:
        besides = sorted(set(distances.names.tolist()) - set(distances.names[places].tolist()))
        notes.append(
            f"{len(besides)} of {distances.n_rows} names in the distances left out, having no row in {where}: {_listed(besides)}."
        )
    return distances.matrix[np.ix_(places, places)]


# ---- names and groups ----
def _sample_names(kept: pd.DataFrame, origin: pd.DataFrame, identifier: str | None) -> np.ndarray:
    if identifier is None:
        return np.array([f"{source}#{row}" for source, row in zip(origin["source"], origin["row"])])
    names = _as_text(kept[identifier])
    values, counts = np.unique(names, return_counts=True)
    check(
        counts.max() == 1 and values[0] != "",
        DataError,
        "The identifier '{}' must name every row differently. Got '{}' in {} rows.",
        identifier,
        values[np.argmax(counts)] if counts.max() > 1 else "",
        counts.max(),
    )
    return names


def _groups(
    kept: pd.DataFrame,
    origin: pd.DataFrame,
    group: str | None,
    sample: np.ndarray,
    n_tables: int,
    notes: list[str],
) -> np.ndarray:
    if group is None:
        if n_tables == 1:
            return sample
        notes.append("Each table is a group of its own, since no column names groups (--group COLUMN does).")
        return origin["source"].to_numpy(dtype=str)
    groups = _as_text(kept[group])
    if (groups == "").any():
        row = origin.iloc[int(np.argmax(groups == ""))]
        raise DataError(
            f"The group '{group}' must be known of every row. Got none in {row['source']}#{row['row']}."
        )
    return groups
