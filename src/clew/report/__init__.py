"""The page that a reviewer can check: one self-contained HTML file, made from the record alone."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from clew.errors import SettingError, check

if TYPE_CHECKING:
    from clew.study.study import Study


def write_report(study: Study, path: str | Path) -> Path:
    """Write the report of a study, at whatever stage it is; return its path.

    The page asks for nothing outside of itself, and holds no measurement of a sealed row. The same record gives
    the same bytes.

    Parameters
    ----------
    study : Study
    path : str or Path
        The HTML file; it appears whole or not at all.

    Raises
    ------
    SettingError
        If the folder of ``path`` does not exist, or ``path`` is a folder.
    DataError
        If a result on record cannot be read.
    """
    from clew.report.gathered import gather
    from clew.report.page import page
    from clew.result import write_whole

    path = Path(path)
    check(
        path.parent.is_dir(),
        SettingError,
        "The folder of the report '{}' must exist. Got nothing there.",
        path,
    )
    check(not path.is_dir(), SettingError, "The report '{}' must be a file to write. Got a folder.", path)
    return write_whole(path, page(gather(study)).encode())
