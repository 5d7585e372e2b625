"""Distances that come as such: travel times, ways through a network, whatever others have compared row by row."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np

from clew.errors import DataError, check, check_choice
from clew.result import Result

Symmetrise = Literal["mean", "min", "max"]
Parts = Literal["refuse", "largest"]

ROUNDING = 1e-9  # relative; smaller differences come from adding and writing numbers
EXACT_ROWS = 400  # up to here every triangle is looked at
RANDOM_TRIANGLES = 2_000_000
MOST_ROWS = 20_000  # 3.2 GB of float64
BAND = 1024  # rows that are made symmetric at a time
BOTH_WAYS = {"mean": "mean", "min": "shorter", "max": "longer"}


@dataclass(frozen=True, eq=False, repr=False, kw_only=True)
class Distances(Result):
    """How far every row is from every other, and what kind of distances these are.

    Parameters
    ----------
    matrix : ndarray of float64, shape (n_rows, n_rows)
        Finite, not negative, symmetric to the bit, 0 on the diagonal; in the unit of the source.
    names : ndarray of str, shape (n_rows,), or None
        The names of the rows, all different, where there are any.
    notes : list of str
        What was adapted and what to mind, one sentence each.
    asymmetric : int
        Pairs of rows whose two directions differed.
    largest_asymmetry : float
        The largest difference of two directions, as a share of the longer one.
    coincident : int
        Pairs of different rows at distance 0.
    triangle_violations : float
        Share of the triples of rows in which one side is longer than the other two together.
    triples : int
        The triples that were looked at: all up to 400 rows, 2 million random ones beyond.
    """

    matrix: np.ndarray
    names: np.ndarray | None = None
    notes: list[str] = dataclasses.field(default_factory=list)
    asymmetric: int = 0
    largest_asymmetry: float = 0.0
    coincident: int = 0
    triangle_violations: float = 0.0
    triples: int = 0

    @property
    def n_rows(self) -> int:
        """Return the number of rows."""
        return len(self.matrix)

    def headline(self) -> str:
        """Say between how many rows, from where to where."""
        shortest = self.matrix.min(where=self.matrix > 0, initial=np.inf)
        return f"distances between {self.n_rows} rows, from {shortest:.4g} to {self.matrix.max():.4g}"

    def summary(self) -> dict[str, Any]:
        """Return the figures that tell what kind of distances these are."""
        names = ("asymmetric", "largest_asymmetry", "coincident", "triangle_violations", "triples")
        return {"rows": self.n_rows, **{name: getattr(self, name) for name in names}}

    def places_of(self, names: Sequence[str] | np.ndarray, *, of: str) -> np.ndarray:
        """Return the row of each name in the matrix, int64 of shape (n_names,).

        Names are compared as written; where some are not found so, as numbers ("007" and "7").

        Parameters
        ----------
        names : sequence of str
        of : str
            What the names are of, for the sentence that says what is missing ("'cells.csv'").

        Raises
        ------
        DataError
            If the distances have no names, or a name is not among them.
        """
        if self.names is None:
            raise DataError(f"The distances must have names to be found by those of {of}. Got none.")
        wanted, known = [str(name) for name in names], self.names.tolist()
        if not set(wanted) <= set(known):
            as_numbers = [_number(name) for name in wanted], [_number(name) for name in known]
            if all(len(set(found)) == len(found) for found in as_numbers):
                wanted, known = as_numbers
        place, asked = {name: i for i, name in enumerate(known)}, set(wanted)
        lacking = [str(name) for name, key in zip(names, wanted) if key not in place]
        besides = [str(name) for name, key in zip(self.names, known) if key not in asked]
        check(
            not lacking,
            DataError,
            "The rows of {} must be named as in the distances (--identifier says by which column). "
            "Got {} without distances: {}; {}.",
            of,
            _counted(len(lacking), "row"),
            _listed(lacking),
            f"without a row: {_listed(besides)}" if besides else "all others have them",
        )
        return np.array([place[key] for key in wanted], np.int64)


def square_distances(
    matrix: Any,
    *,
    names: Sequence[str] | np.ndarray | None = None,
    symmetrise: Symmetrise = "mean",
    of: str = "square_distances",
) -> Distances:
    """Take a square matrix for distances: refuse what is none, adapt and tell the rest.

    Two directions that differ are made one. Broken triangle inequalities are counted and told, and never repaired.

    Parameters
    ----------
    matrix : array_like of numbers, shape (n_rows, n_rows)
        From row to column, in any unit; what differs from 0 or from the other direction by 1e-9 of the largest is rounding.
    names : sequence of str, optional
        The names of the rows, which are those of the columns.
    symmetrise : {"mean", "min", "max"}
        What stands for two directions that differ: their mean, the shorter or the longer one.
    of : str
        Whose distances they are, for error sentences ("'times.csv'").

    Raises
    ------
    SettingError
        If ``symmetrise`` is none of the three.
    DataError
        If the matrix is not square, smaller than 2 or larger than 20,000 rows, holds text, NaN, infinite or negative
        values, something on its diagonal, nothing but 0, or if names are missing or stand twice.
    """
    check_choice(symmetrise, BOTH_WAYS, what="'symmetrise' setting", of="square_distances")
    values = _numbers(matrix, of)
    named = None if names is None else _names(names, len(values), of)
    _check_values(values, named, of)
    asymmetric, largest = _make_symmetric(values, symmetrise)
    broken, triples = _broken_triangles(values)
    coincident = (values.size - int(np.count_nonzero(values)) - len(values)) // 2
    share = broken / triples if triples else 0.0
    notes = []
    if asymmetric:
        notes.append(
            f"{asymmetric} of {len(values) * (len(values) - 1) // 2} pairs of rows differ by direction, by up to {largest:.0%}: "
            f"made symmetric by the {BOTH_WAYS[symmetrise]} of both directions."
        )
    if coincident:
        notes.append(f"{_counted(coincident, 'pair')} of different rows at distance 0.")
    if broken:
        looked = "triples" if len(values) <= EXACT_ROWS else "random triples"
        notes.append(
            f"In {share:.2%} of {triples:,} {looked} of rows one side is longer than the other two together: these distances "
            "break the triangle inequality, and no map can show them as they are."
        )
    return Distances(
        matrix=values,
        names=named,
        notes=notes,
        asymmetric=asymmetric,
        largest_asymmetry=largest,
        coincident=coincident,
        triangle_violations=share,
        triples=triples,
        settings={"symmetrise": symmetrise},
    )


def shortest_paths(
    source: Sequence[Any] | np.ndarray,
    target: Sequence[Any] | np.ndarray,
    length: Sequence[float] | np.ndarray | None = None,
    *,
    directed: bool = False,
    parts: Parts = "refuse",
    symmetrise: Symmetrise = "mean",
    of: str = "shortest_paths",
) -> Distances:
    """Make distances of a list of edges: the length of the shortest way from every place to every other.

    Parameters
    ----------
    source, target : sequence of n_edges names
        The two ends of each edge. Rows are all places in the order in which they appear, sources first.
    length : sequence of n_edges float, optional
        Finite and not negative; each edge counts 1 otherwise.
    directed : bool
        An edge leads from source to target only; the two directions are then made one as ``symmetrise`` says.
    parts : {"refuse", "largest"}
        What to do where some places cannot be reached from others: refuse, or keep the largest part, and say so.
    symmetrise : {"mean", "min", "max"}
        As in `square_distances`.
    of : str
        Whose edges they are, for error sentences.

    Raises
    ------
    SettingError
        If ``parts`` or ``symmetrise`` is not one of its choices.
    DataError
        If the columns differ in length, an end has no name, a length is missing, infinite or negative, places are not joined, or
        there are more than 20,000.

    Notes
    -----
    Dijkstra, Numer. Math. 1:269 (1959), doi:10.1007/BF01386390; by scipy.sparse.csgraph.
    """
    from scipy.sparse import csr_array
    from scipy.sparse.csgraph import connected_components, dijkstra

    check_choice(parts, ("refuse", "largest"), what="'parts' setting", of="shortest_paths")
    names, a, b = _ends(source, target, of)
    lengths = _lengths(length, names, a, b, of)
    n_places = len(names)
    notes = _one_sided(a, b)
    loops = a == b
    if loops.any():
        notes.append(f"{_counted(int(loops.sum()), 'edge')} from a place to itself passed over.")
    a, b, lengths, uneven = _distinct_edges(a[~loops], b[~loops], lengths[~loops], directed)
    if uneven:
        notes.append(
            f"{_counted(uneven, 'pair')} of places with edges of different length between them: the shortest counts."
        )
    graph = csr_array((lengths, (a, b)), shape=(n_places, n_places))
    n_parts, part = connected_components(graph, directed=directed, connection="strong")
    if n_parts > 1:
        kept = _joined(names, part, parts, of, notes)
        graph, names = graph[kept][:, kept], names[kept]
    notes.insert(0, f"Distances are the shortest ways along {graph.nnz} edges between {len(names)} places.")
    matrix = dijkstra(graph, directed=directed)
    found = square_distances(matrix, names=names, symmetrise=symmetrise, of=of)
    settings = {"directed": directed, "parts": parts, "symmetrise": symmetrise}
    return dataclasses.replace(found, notes=[*notes, *found.notes], settings=settings)


# ---- what a matrix must be ----
def _numbers(matrix: Any, of: str) -> np.ndarray:
    """Return the matrix as float64; refuse what is not square or no numbers."""
    try:
        values = np.asarray(matrix)
    except ValueError:
        raise DataError(
            f"The distances of {of} must be a square matrix. Got rows of different length instead."
        ) from None
    check(
        values.ndim == 2 and values.shape[0] == values.shape[1],
        DataError,
        "The distances of {} must be a square matrix, a row and a column for each. Got the shape {} instead.",
        of,
        " x ".join(map(str, values.shape)) or "of a single number",
    )
    check(
        2 <= len(values) <= MOST_ROWS,
        DataError,
        "The distances of {} must be for 2 to {} rows. Got {} instead.",
        of,
        MOST_ROWS,
        len(values),
    )
    if values.dtype.kind not in "iuf":
        wrong = next((one for one in values.flat if not isinstance(one, (int, float))), values.flat[0])
        raise DataError(
            f"The distances of {of} must be numbers. Got '{wrong}' ({type(wrong).__name__}) instead."
        )
    return values.astype(np.float64)  # a copy, to be worked on in place


def _names(names: Sequence[str] | np.ndarray, n_rows: int, of: str) -> np.ndarray:
    named = np.asarray(names, dtype=str)
    check(
        named.shape == (n_rows,),
        DataError,
        "The names of {} must be one for each of the {} rows. Got {} instead.",
        of,
        n_rows,
        named.size,
    )
    values, counts = np.unique(named, return_counts=True)
    check(
        counts.max() == 1 and values[0] != "",
        DataError,
        "The names of {} must all differ. Got '{}' for {} rows.",
        of,
        values[np.argmax(counts)] if counts.max() > 1 else "",
        counts.max(),
    )
    return named


def _check_values(values: np.ndarray, names: np.ndarray | None, of: str) -> None:
    """Refuse a value that is no distance, and name its place; set what is 0 but for rounding to 0."""

    def refuse(wrong: np.ndarray, must: str, besides: str = "") -> None:
        i, j = np.unravel_index(int(np.argmax(wrong)), wrong.shape)
        called = "" if names is None else f" (from '{names[i]}' to '{names[j]}')"
        raise DataError(
            f"The distances of {of} must {must}. Got {values[i, j]:g} in row {i + 1}, column {j + 1}{called}{besides}."
        )

    low, high, diagonal = values.min(), values.max(), values.diagonal()
    if not np.isfinite([low, high]).all():  # a NaN anywhere is both
        refuse(~np.isfinite(values), "be finite numbers")
    rounding = ROUNDING * max(high, -low)
    if low < -rounding:
        refuse(values < -rounding, "not be negative")
    if (diagonal > rounding).any():
        besides = ": these look like similarities, which are the opposite" if diagonal.min() >= high else ""
        refuse(np.diag(diagonal > rounding), "be 0 on the diagonal, from a row to itself", besides)
    np.maximum(values, 0, out=values)
    np.fill_diagonal(values, 0)
    check(
        high > 0,
        DataError,
        "The distances of {} must tell rows apart. Got 0 between all {} rows.",
        of,
        len(values),
    )


# ---- what is told of it ----
def _make_symmetric(values: np.ndarray, how: Symmetrise) -> tuple[int, float]:
    """Make a matrix symmetric in place; return how many pairs differed by direction, and by what share at most."""
    choices: dict[str, Callable[..., np.ndarray]] = {
        "mean": lambda there, back: there / 2 + back / 2,  # halves first: no sum can overflow
        "min": np.minimum,
        "max": np.maximum,
    }
    pairs, largest = 0, 0.0
    for start in range(0, len(values), BAND):
        band = slice(start, start + BAND)
        there, back = values[band, start:], values[start:, band].T
        gap, longer = np.abs(there - back), np.maximum(there, back)
        differ = gap > ROUNDING * longer
        pairs += (
            int(differ.sum()) - int(differ[:, :BAND].sum()) // 2
        )  # the block on the diagonal has each pair twice
        largest = max(largest, float((gap[differ] / longer[differ]).max(initial=0.0)))
        both = choices[how](there, back)
        values[band, start:], values[start:, band] = both, both.T
    return pairs, largest


def _broken_triangles(values: np.ndarray) -> tuple[int, int]:
    """Return in how many triples one side is longer than the other two together, and how many were looked at."""
    n = len(values)
    if n <= EXACT_ROWS:
        broken = sum(int((values > (via[:, None] + via) * (1 + ROUNDING)).sum()) for via in values)
        return broken // 2, n * (n - 1) * (n - 2) // 6  # each was met from both ends of its long side
    i, j, k = np.random.default_rng(0).integers(n, size=(3, RANDOM_TRIANGLES))
    i, j, k = (end[(i != j) & (j != k) & (i != k)] for end in (i, j, k))
    short, middle, long = np.sort([values[i, j], values[j, k], values[i, k]], axis=0)
    return int((long > (short + middle) * (1 + ROUNDING)).sum()), len(i)


# ---- edges ----
def _ends(source: Any, target: Any, of: str) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return the names of all places in order of appearance, and both ends of each edge as their numbers."""
    ends = [np.asarray(one).astype(str) for one in (source, target)]
    check(
        ends[0].shape == ends[1].shape == (ends[0].size,) and ends[0].size,
        DataError,
        "The edges of {} must have one source and one target each, and be at least one. Got {} and {}.",
        of,
        ends[0].size,
        ends[1].size,
    )
    for what, names in zip(("source", "target"), ends):
        check(
            (names != "").all(),
            DataError,
            "The edges of {} must have a {} each. Got none in edge {}.",
            of,
            what,
            int(np.argmax(names == "")) + 1,
        )
    names, first, code = np.unique(np.concatenate(ends), return_index=True, return_inverse=True)
    check(
        2 <= len(names) <= MOST_ROWS,
        DataError,
        "The edges of {} must join 2 to {} places. Got {} instead.",
        of,
        MOST_ROWS,
        len(names),
    )
    order = np.argsort(first)
    number = np.empty(len(names), np.int32)
    number[order] = np.arange(len(names))
    a, b = number[code.reshape(2, -1)]
    return names[order], a, b


def _lengths(length: Any, names: np.ndarray, a: np.ndarray, b: np.ndarray, of: str) -> np.ndarray:
    if length is None:
        return np.ones(len(a))
    try:
        lengths = np.asarray(length, dtype=np.float64)
    except (TypeError, ValueError) as error:
        raise DataError(f"The lengths of {of} must be numbers. Got: {error}.") from error
    check(
        lengths.shape == a.shape,
        DataError,
        "The lengths of {} must be one for each of the {} edges. Got {} instead.",
        of,
        len(a),
        lengths.size,
    )
    wrong = ~(np.isfinite(lengths) & (lengths >= 0))
    edge = int(np.argmax(wrong))
    check(
        not wrong.any(),
        DataError,
        "The lengths of {} must be finite and not negative. Got {:g} from '{}' to '{}' (edge {}).",
        of,
        lengths[edge],
        names[a[edge]],
        names[b[edge]],
        edge + 1,
    )
    return lengths


def _distinct_edges(
    a: np.ndarray, b: np.ndarray, lengths: np.ndarray, directed: bool
) -> tuple[np.ndarray, np.ndarray, np.ndarray, int]:
    """Return each edge once, with its shortest length, and how many had several that differ."""
    if not directed:
        a, b = np.minimum(a, b), np.maximum(a, b)
    order = np.lexsort((lengths, b, a))
    a, b, lengths = a[order], b[order], lengths[order]
    again = np.zeros(len(a), bool)
    again[1:] = (a[1:] == a[:-1]) & (b[1:] == b[:-1])
    edge = np.cumsum(~again) - 1
    uneven = np.unique(edge[1:][again[1:] & (lengths[1:] > lengths[:-1])])
    return a[~again], b[~again], lengths[~again], len(uneven)


def _one_sided(a: np.ndarray, b: np.ndarray) -> list[str]:
    """Say what a list from places of one kind to places of another does not hold, such as from stores to districts."""
    n_sources, n_targets = len(np.unique(a)), len(np.unique(b))
    if min(n_sources, n_targets) < 2 or np.intersect1d(a, b).size:
        return []
    return [
        f"No edge joins two of the {n_sources} sources, or two of the {n_targets} targets: between these the shortest way "
        "leads by others, and may be longer than the straight one."
    ]


def _joined(names: np.ndarray, part: np.ndarray, parts: Parts, of: str, notes: list[str]) -> np.ndarray:
    """Return which places are in the largest part, as bool (n_places,); refuse where that was not asked for."""
    sizes = np.bincount(part)
    kept = part == np.argmax(sizes)
    inside, outside = names[np.argmax(kept)], names[np.argmin(kept)]
    check(
        parts == "largest",
        DataError,
        "The edges of {} must lead from every place to every other. Got {} parts, the largest of {} of {} places, and no way "
        "between '{}' and '{}'; --edge-parts largest keeps that one.",
        of,
        len(sizes),
        sizes.max(),
        len(names),
        inside,
        outside,
    )
    notes.append(
        f"{int((~kept).sum())} of {len(names)} places left out, such as '{outside}': no way leads to the largest part of {len(sizes)}."
    )
    return kept


# ---- words ----
def _counted(n: int, one: str) -> str:
    return f"{n} {one}{'s' * (n != 1)}"


def _number(name: str) -> str:
    """Return a name that is a number as Python spells that number, and any other as it is."""
    try:
        return repr(float(name))
    except ValueError:
        return name


def _listed(names: Sequence[str]) -> str:
    return ", ".join(f"'{name}'" for name in names[:6]) + ", ..." * (len(names) > 6)
