"""Rules that select rows, such as ``area > 100 and (group == 1 or label == 'small')``: read, never run."""

from __future__ import annotations

import ast
import operator
import re
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Any

import numpy as np

from clew.errors import SettingError, check, did_you_mean

if TYPE_CHECKING:
    from clew.app.workspace import Workspace

LONGEST = 2000  # letters of a rule
DEEPEST = 40  # brackets within brackets
COMPARISONS: dict[type[ast.cmpop], Callable[[Any, Any], Any]] = {
    ast.Lt: operator.lt,
    ast.LtE: operator.le,
    ast.Gt: operator.gt,
    ast.GtE: operator.ge,
    ast.Eq: operator.eq,
    ast.NotEq: operator.ne,
}
ORDERS = (ast.Lt, ast.LtE, ast.Gt, ast.GtE)
OF_ROWS = ("group", "confidence", "label", "source", "sample", "wanders")  # beside the features
EXAMPLE = "area > 100 and (group == 1 or label == 'small')"

Values = dict[str, Callable[[], np.ndarray]]


def rows_of_rule(workspace: Workspace, rule: str, *, step: int | None = None) -> np.ndarray:
    """Return which open rows (n_rows,) of bool keep a rule.

    A rule compares features and, of a row, its group and confidence in a look, label, source, sample (its name) and
    whether it wanders, by < <= > >= == != and ``in (..)``, joined by ``and``, ``or`` and ``not``. A name with spaces
    stands in `backticks` (or, on the left, in quotes).

    Raises
    ------
    SettingError
        If the rule cannot be read, or names what is not there.
    """
    n_rows, values = values_of(workspace, step)
    return kept(rule, values, n_rows)


def values_of(workspace: Workspace, step: int | None) -> tuple[int, Values]:
    """Return the number of rows, and what a rule may name: each a function that returns values (n_rows,)."""
    from clew.app.labelling import journal_of, standing_of
    from clew.app.map_data import map_of

    values: Values = {}
    if not workspace.has_study:
        data = map_of(workspace)
        return data.n_rows, {"group": lambda: data.groups, "confidence": lambda: data.confidence}
    samples = workspace.samples

    def labels() -> np.ndarray:
        names = np.array(["", *journal_of(workspace).classes(), ""])  # the last: cannot tell
        return names[np.minimum(standing_of(workspace).number, len(names) - 1)]

    values = {
        "label": labels,
        "source": lambda: np.asarray(samples.origin["source"], dtype=str),
        "sample": lambda: samples.sample,
    }
    if workspace.looks():
        values["group"] = lambda: map_of(workspace, step).groups
        values["confidence"] = lambda: map_of(workspace, step).confidence
        values["wanders"] = lambda: map_of(workspace, step).wanders
    for column, name in enumerate(samples.feature_names):
        values[name] = lambda column=column: samples.features[:, column]  # type: ignore[misc]
    return samples.n_rows, values


def kept(rule: str, values: Values, n_rows: int) -> np.ndarray:
    """Return which rows (n_rows,) of bool keep a rule about ``values``.

    Raises
    ------
    SettingError
        If the rule cannot be read, or names what is not there.
    """
    check(
        rule.strip() and len(rule) <= LONGEST,
        SettingError,
        "A rule must be of 1 to {} letters, such as: {}. Got {}.",
        LONGEST,
        EXAMPLE,
        len(rule.strip()),
    )
    named: dict[str, str] = {}

    def stand_in(match: re.Match[str]) -> str:
        named[f"_named_{len(named)}"] = match[1]
        return f"_named_{len(named) - 1}"

    plain = re.sub(r"`([^`]+)`", stand_in, rule.strip())
    try:
        tree = ast.parse(plain, mode="eval").body
    except (SyntaxError, ValueError, RecursionError, MemoryError) as error:
        at = getattr(error, "offset", None) if not named else None
        near = (
            f" It stops making sense at '{plain[max(0, at - 1) :][:20]}'." if at and at <= len(plain) else ""
        )
        raise SettingError(f"A rule must read like: {EXAMPLE}. Got '{rule.strip()[:80]}'.{near}") from None
    try:
        return _Reader(values, named, n_rows).truth(tree, 0)
    except RecursionError:  # of minus signs, or of what is to be said about a rule that cannot be
        raise SettingError(f"A rule must not nest deeper than {DEEPEST}. Got more.") from None


class _Reader:
    """Walks the parsed rule and knows nothing but what is listed here."""

    def __init__(self, values: Values, named: dict[str, str], n_rows: int) -> None:
        self.values, self.named, self.n_rows = values, named, n_rows
        self.read: dict[str, np.ndarray] = {}  # each column once, however often it is named

    def truth(self, node: ast.expr, depth: int) -> np.ndarray:
        """Return which rows (n_rows,) of bool keep a part of the rule."""
        check(depth <= DEEPEST, SettingError, "A rule must not nest deeper than {}. Got more.", DEEPEST)
        if isinstance(node, ast.BoolOp):
            parts = [self.truth(part, depth + 1) for part in node.values]
            return (np.logical_and if isinstance(node.op, ast.And) else np.logical_or).reduce(parts)
        if isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.Not):
            return ~self.truth(node.operand, depth + 1)
        if isinstance(node, ast.Compare):
            return self._chain(node)
        if isinstance(node, ast.Name):
            values = self._column(node)
            if values.dtype == bool:
                return values
        raise _unknown(node)

    def _chain(self, node: ast.Compare) -> np.ndarray:
        """Return the rows that keep each link of ``1 < area <= 2``."""
        sides = [node.left, *node.comparators]
        links = [
            self._compared(a, op, b, first=i == 0)
            for i, (a, op, b) in enumerate(zip(sides, node.ops, sides[1:]))
        ]
        return np.logical_and.reduce(links)

    def _compared(self, a: ast.expr, op: ast.cmpop, b: ast.expr, *, first: bool) -> np.ndarray:
        left = self._side(a, name=first)
        if isinstance(op, (ast.In, ast.NotIn)):
            if not isinstance(b, (ast.Tuple, ast.List)):
                raise _unknown(b)
            among = np.logical_or.reduce(
                [np.zeros(self.n_rows, bool), *(self._equal(left, self._side(one), one) for one in b.elts)]
            )
            return among if isinstance(op, ast.In) else ~among
        if type(op) not in COMPARISONS:
            raise SettingError("A rule compares by <, <=, >, >=, ==, != and in. Got 'is'.")
        right = self._side(b)
        self._check_alike(left, right, b)
        check(
            not isinstance(op, ORDERS) or not _is_text(left),
            SettingError,
            "Text is compared by == and != and in. Got an order of '{}'.",
            ast.unparse(a)[:40],
        )
        return np.broadcast_to(COMPARISONS[type(op)](left, right), (self.n_rows,))

    def _equal(self, left: Any, right: Any, node: ast.expr) -> np.ndarray:
        self._check_alike(left, right, node)
        return np.broadcast_to(left == right, (self.n_rows,))

    def _check_alike(self, left: Any, right: Any, node: ast.expr) -> None:
        check(
            _is_text(left) == _is_text(right),
            SettingError,
            "A number is compared with a number, text with text in quotes. Got {} against {}.",
            "text" if _is_text(left) else "numbers",
            f"'{ast.unparse(node)[:40]}'",
        )

    def _side(self, node: ast.expr, *, name: bool = False) -> Any:
        """Return a number, a text, or the values (n_rows,) of what is named; quotes on the left may name, too."""
        if isinstance(node, ast.Name):
            return self._column(node)
        if isinstance(node, ast.Constant):
            if name and isinstance(node.value, str) and node.value in self.values:
                return self._values(node.value)
            if isinstance(node.value, (int, float, str)) and not isinstance(node.value, bool):
                return _finite(node.value)
        if isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.USub):
            side = self._side(node.operand)
            if isinstance(side, float):
                return -side
        raise _unknown(node)

    def _column(self, node: ast.Name) -> np.ndarray:
        name = self.named.get(node.id, node.id)
        if name not in self.values:
            raise SettingError(
                f"A rule may name {listed_names(self.values)}. Got '{name[:60]}'.{did_you_mean(name, self.values)}"
            )
        return self._values(name)

    def _values(self, name: str) -> np.ndarray:
        if name not in self.read:
            self.read[name] = self.values[name]()
        return self.read[name]


def listed_names(values: Iterable[str]) -> str:
    """Return names for a sentence; of many features the first ones."""
    of_rows, features = [n for n in OF_ROWS if n in values], [n for n in values if n not in OF_ROWS]
    return ", ".join([*of_rows, *features[:3], *(["and other features"] if len(features) > 3 else [])])


def _is_text(side: Any) -> bool:
    return isinstance(side, str) or (isinstance(side, np.ndarray) and side.dtype.kind == "U")


def _finite(value: int | float | str) -> float | str:
    if isinstance(value, str):
        return value
    check(
        abs(value) < 1e300,
        SettingError,
        "A number in a rule must be of less than 300 digits. Got {}.",
        "more",
    )
    return float(value)


def _unknown(node: ast.expr) -> SettingError:
    return SettingError(
        f"A rule must read like: {EXAMPLE}. Got '{ast.unparse(node)[:60]}', which it cannot say."
    )
