"""Strokes that people paint on the images of a study, bound to an image's content and not to its name or place."""

from __future__ import annotations

import sqlite3
from dataclasses import dataclass
from typing import Any

import numpy as np

from clew.errors import DataError, SettingError, check
from clew.study.acts import Acts, Delivery, class_name

MOST_POINTS = 20_000  # of one stroke
MOST_RADIUS = 500.0  # px
MOST_NUMBER = 255  # of a painter's class


@dataclass(frozen=True, eq=False)
class Stroke:
    """One stroke of a brush or an eraser that stands.

    Parameters
    ----------
    client : str
        Its name, made by the page.
    who, at : str
    image : str
        The name of the source when it was painted.
    sha256 : str
        Of the image's content: what binds the stroke.
    plane : (t, z)
    number : int
        Of its class; 0 for the eraser.
    name : str
        Of its class; "" for the eraser.
    radius : float
        In px.
    points : ndarray of float32, shape (n, 2)
        Row and column, in px; the pixel of row 0 and column 0 has its centre at (0.5, 0.5).
    erase : bool
    """

    client: str
    who: str
    at: str
    image: str
    sha256: str
    plane: tuple[int, int]
    number: int
    name: str
    radius: float
    points: np.ndarray
    erase: bool


class Strokes(Acts):
    """The painter's half of the journal: its classes, strokes, and their taking back."""

    def painter_classes(self) -> dict[int, str]:
        """Return the painter's classes, by number."""
        with self._reading() as db:
            return dict(db.execute("SELECT number, name FROM classes WHERE of = 'strokes' ORDER BY number"))

    def name_painter_class(self, client: str, number: int, name: str, who: str | None = None) -> Delivery:
        """Give a number of the painter a name; its strokes keep the number.

        Raises
        ------
        SettingError
            If the number is not from 1 to 255, or another one has this name.
        """
        name = class_name(name)
        _check_number(number)

        def write(db: sqlite3.Connection, at: str, person: str) -> dict[str, Any]:
            _name_painted(db, number, name)
            return {"events": [], "number": number, "name": name}

        return self._deliver(client, {"act": "name"}, who, write)

    def add_stroke(
        self,
        client: str,
        *,
        image: str,
        sha256: str,
        shape: tuple[int, int, int, int],
        number: int,
        radius: float,
        points: Any,
        plane: tuple[int, int] = (0, 0),
        erase: bool = False,
        name: str | None = None,
        who: str | None = None,
    ) -> Delivery:
        """Record one stroke.

        Parameters
        ----------
        client : str
            The name of the act, and of the stroke.
        image, sha256 : str
            The name of the image, and the SHA-256 of its content, to which the stroke is bound.
        shape : (T, Z, Y, X)
            Of the image.
        number : int
            Of the class; 0 for the eraser.
        radius : float
            In px, above 0 and at most 500.
        points : array-like, shape (n, 2)
            Row and column in px, at least one of them inside the image.
        plane : (t, z)
        erase : bool
        name : str, optional
            Of the class, where the painter does not know the number yet.
        who : str, optional

        Raises
        ------
        DataError
            If it lies outside the image.
        SettingError
            If the class is unknown, or a size is absurd.
        """
        path = _path_of(points)
        _check_stroke(image, shape, path, radius, plane)
        if not erase:
            _check_number(number)
        given = None if name is None or erase else class_name(name)

        def write(db: sqlite3.Connection, at: str, person: str) -> dict[str, Any]:
            known = dict(db.execute("SELECT number, name FROM classes WHERE of = 'strokes'"))
            if given is not None and number not in known:
                _name_painted(db, number, given)
            elif not erase:
                check(
                    number in known,
                    SettingError,
                    "The class of a stroke must be one of the painter's: {}. Got {}.",
                    ", ".join(map(str, known)) or "none yet",
                    number,
                )
            added = db.execute(
                "INSERT INTO strokes (client, at, who, image, sha256, t, z, number, erase, radius, points) "
                "VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
                (client, at, person, image, sha256, *plane, 0 if erase else number, erase, radius, path.tobytes()),
            )  # fmt: skip
            return {"events": [added.lastrowid, added.lastrowid], "image": image}

        return self._deliver(client, {"act": "stroke", "image": image}, who, write)

    def undo_stroke(
        self, client: str, of: str | None = None, who: str | None = None, *, sha256: str | None = None
    ) -> Delivery:
        """Take a stroke back; by default the person's last one that stands.

        Parameters
        ----------
        client : str
            The name of this act.
        of : str, optional
            The name of the stroke.
        who : str, optional
        sha256 : str, optional
            Of the image whose last stroke is meant.

        Raises
        ------
        DataError
            If there is no such stroke, or it has been taken back.
        """

        def write(db: sqlite3.Connection, at: str, person: str) -> dict[str, Any]:
            where, asked = ("client = ?", [of]) if of else ("who = ?", [person])
            if sha256 is not None:
                where, asked = f"{where} AND sha256 = ?", [*asked, sha256]
            row = db.execute(
                f"SELECT * FROM strokes WHERE {where} AND undoes IS NULL AND id NOT IN "
                "(SELECT undoes FROM strokes WHERE undoes IS NOT NULL) ORDER BY id DESC LIMIT 1",
                asked,
            ).fetchone()
            check(
                row is not None,
                DataError,
                "The stroke to take back must stand. Got none of {} that does.",
                person,
            )
            added = db.execute(
                "INSERT INTO strokes (client, at, who, image, sha256, t, z, number, erase, radius, points, undoes) "
                "VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
                (client, at, person, *row[4:11], b"", row[0]),
            )
            return {"events": [added.lastrowid, added.lastrowid], "image": row[4], "of": row[1]}

        return self._deliver(client, {"act": "undo stroke", "of": of}, who, write)

    def strokes(self, image: str | None = None, *, sha256: str | None = None) -> list[Stroke]:
        """Return the strokes that stand, first to last.

        Parameters
        ----------
        image : str, optional
            The name of a source of the study: the strokes bound to its content, whatever it was called.
        sha256 : str, optional
            The content itself. Without either: the strokes of all images.
        """
        if image is not None:
            sha256 = self.content_of(image)
        where = "" if sha256 is None else " AND sha256 = ?"
        with self._reading() as db:
            names = dict(db.execute("SELECT number, name FROM classes WHERE of = 'strokes'"))
            rows = db.execute(
                "SELECT client, who, at, image, sha256, t, z, number, erase, radius, points FROM strokes WHERE undoes IS NULL "
                f"AND id NOT IN (SELECT undoes FROM strokes WHERE undoes IS NOT NULL){where} ORDER BY id",
                () if sha256 is None else (sha256,),
            ).fetchall()
        return [
            Stroke(
                client,
                who,
                at,
                name,
                content,
                (t, z),
                number,
                names.get(number, ""),
                radius,
                _points_of(points),
                bool(erase),
            )
            for client, who, at, name, content, t, z, number, erase, radius, points in rows
        ]

    def content_of(self, image: str) -> str:
        """Return the SHA-256 of a source of the study.

        Raises
        ------
        DataError
            If there is no such source.
        """
        found = next((one.sha256 for one in self.study.sources() if one.name == image), None)
        if found is None:
            raise DataError(f"The image must be a source of the study. Got '{image}', which is none.")
        return found


def _name_painted(db: sqlite3.Connection, number: int, name: str) -> None:
    other = db.execute(
        "SELECT number FROM classes WHERE of = 'strokes' AND name = ? AND number != ?", (name, number)
    ).fetchone()
    check(
        other is None,
        SettingError,
        "Each class of the painter must have a name of its own. Got '{}', which is class {}.",
        name,
        other[0] if other else "",
    )
    db.execute(
        "INSERT INTO classes (of, number, name) VALUES ('strokes', ?, ?) ON CONFLICT (of, number) DO UPDATE SET name = excluded.name",
        (number, name),
    )


def _check_number(number: int) -> None:
    check(
        1 <= number <= MOST_NUMBER,
        SettingError,
        "The number of a painter's class must be from 1 to {}. Got {}.",
        MOST_NUMBER,
        number,
    )


def _path_of(points: Any) -> np.ndarray:
    """Return the points of a stroke as float32 (n, 2)."""
    try:
        found = np.asarray(points, np.float32)
    except (TypeError, ValueError, OverflowError):
        found = np.empty(0, np.float32)
    check(
        found.ndim == 2 and found.shape[1] == 2 and 1 <= len(found) <= MOST_POINTS,
        SettingError,
        "A stroke must have 1 to {} points of row and column. Got {}.",
        MOST_POINTS,
        len(points) if hasattr(points, "__len__") else points,
    )
    check(
        np.isfinite(found).all(), SettingError, "The points of a stroke must be finite numbers. Got others."
    )
    return np.ascontiguousarray(found, "<f4")


def _points_of(data: bytes) -> np.ndarray:
    return np.frombuffer(data, "<f4").reshape(-1, 2)


def _check_stroke(
    image: str, shape: tuple[int, int, int, int], path: np.ndarray, radius: float, plane: tuple[int, int]
) -> None:
    """Refuse a stroke that paints nothing of the image, or far too much."""
    check(
        0 < radius <= MOST_RADIUS,
        SettingError,
        "The radius of a stroke must be above 0 and at most {:g} px. Got {:g}.",
        MOST_RADIUS,
        radius,
    )
    n_t, n_z, height, width = shape
    check(
        0 <= plane[0] < n_t and 0 <= plane[1] < n_z,
        DataError,
        "The plane of a stroke must be one of the {} x {} (time, depth) of '{}'. Got {}.",
        n_t,
        n_z,
        image,
        tuple(plane),
    )
    inside = (path >= 0).all(axis=1) & (path[:, 0] < height) & (path[:, 1] < width)
    check(
        inside.any(),
        DataError,
        "A stroke must lie on the image '{}' of {} x {} px. Got one that is wholly outside.",
        image,
        height,
        width,
    )
