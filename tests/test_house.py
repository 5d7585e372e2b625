"""The house stands: imports only go down, heavy dependencies have one door, tests mirror the source."""

from __future__ import annotations

import ast
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
SOURCE = ROOT / "src" / "clew"

# From the ground up. A room may import what stands before it, and itself.
FLOORS = [
    "errors", "words", "kernels", "result", "distances", "samples", "intervals", "figures", "splits", "simulate", "read", "measure", "explore",
    "validate", "explain", "learn", "neural", "study", "steps", "plot", "report", "bench", "demo", "app", "cli", "__main__",
]  # fmt: skip
NEIGHBOURS = [{"validate", "explain"}]  # on one floor: they do not import one another
DOORS = {
    "numba": {"kernels"},
    "torch": {"neural", "bench"},  # the plain loop that ours is measured beside
    "matplotlib": {"plot"},
    "starlette": {"app"},
    "obspy": {"read", "measure"},
}
NO_MIRROR = {"__init__.py", "__main__.py"}


def imports(tree: ast.AST) -> set[str]:
    """Every module that a file imports, also inside functions; not what is only for type checkers.

    "clew" stands for the front door itself, "clew.NAME" for a room or a name behind it, and what starts with a
    dot is relative.
    """
    found: set[str] = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.If) and getattr(node.test, "id", "") == "TYPE_CHECKING":
            node.body = []
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            found.update(alias.name for alias in node.names)
            # `import clew.splits` binds the front door as well; `import clew.splits as splits` does not
            found.update("clew" for one in node.names if one.name.startswith("clew.") and not one.asname)
        elif isinstance(node, ast.ImportFrom):
            module = "." * node.level + (node.module or "")
            found.update(f"{module}.{alias.name}" for alias in node.names)
            found.update({module} - {"clew"})
    return found


def room(file: Path) -> str:
    return file.relative_to(SOURCE).parts[0].removesuffix(".py")


def trespasses(room_of_file: str, found: set[str]) -> list[str]:
    """What a file of a room must not import."""
    wrong = []
    for module in found:
        parts = module.split(".")
        if module.startswith(".") or (parts[0] == "clew" and (len(parts) == 1 or parts[1] not in FLOORS)):
            wrong.append(module)  # by the front door, or relative: nobody sees from which floor it comes
        elif parts[0] == "clew" and parts[1] != room_of_file:
            higher = FLOORS.index(parts[1]) > FLOORS.index(room_of_file)
            beside = any({parts[1], room_of_file} <= floor for floor in NEIGHBOURS)
            if higher or beside:
                wrong.append(module)
        if room_of_file not in DOORS.get(parts[0], {room_of_file}):
            wrong.append(module)
    return wrong


FILES = sorted(file for file in SOURCE.rglob("*.py") if file != SOURCE / "__init__.py")


@pytest.mark.parametrize("file", FILES, ids=lambda file: str(file.relative_to(SOURCE)))
def test_imports_only_go_down(file):
    assert room(file) in FLOORS, f"{file} stands on no floor; say in FLOORS where it belongs"
    assert trespasses(room(file), imports(ast.parse(file.read_text()))) == []


def test_the_floors_can_be_trespassed():
    upwards = imports(ast.parse("def f():\n    from clew.learn.forest import train"))
    assert trespasses("explore", upwards)
    assert not trespasses("steps", upwards)
    assert trespasses("explain", {"clew.validate.metrics"})
    assert trespasses("explore", {"numba"})
    assert not trespasses("kernels", {"numba"})


@pytest.mark.parametrize(
    "line",
    [
        "from clew import Forest",
        "from clew import *",
        "from clew import errors, train",
        "import clew",
        "import clew as c",
        "import clew.errors",  # binds `clew`, and with it clew.train
        "from ..learn import forest",
        "from .. import learn",
        "from . import cluster",
        "from .cluster import cluster",
    ],
)
def test_neither_the_front_door_nor_a_relative_import_leads_past_the_floors(line):
    assert trespasses("explore", imports(ast.parse(line)))
    assert trespasses("explore", imports(ast.parse(f"def f():\n    {line}")))


@pytest.mark.parametrize(
    "line", ["from clew import errors", "from clew.errors import check", "import clew.errors as errors"]
)
def test_lower_rooms_are_imported_by_their_names(line):
    assert not trespasses("explore", imports(ast.parse(line)))


def test_every_source_file_has_its_tests_and_every_test_its_source():
    sources = {file.relative_to(SOURCE) for file in SOURCE.rglob("*.py") if file.name not in NO_MIRROR}
    mirrors = {file.relative_to(ROOT / "tests") for file in (ROOT / "tests").rglob("test_*.py")}
    wanted = {path.with_name(f"test_{path.name}") for path in sources}
    own = {
        Path("test_house.py"),
        Path("app/test_vendored.py"),
        Path("app/test_late_answers.py"),
        Path("app/test_label_page.py"),
        Path("app/test_beside_page.py"),
        Path("app/test_sort_page.py"),
        Path("app/test_cards_page.py"),
        Path("test_pitfalls.py"),
        Path("test_signals_page.py"),
        Path("test_workbench_page.py"),
        Path("test_neural_page.py"),
        Path("test_encoders_page.py"),
        Path("steps/test_real_signals.py"),
        Path("test_readme.py"),
        Path("report/test_report.py"),
        Path("steps/test_real_data.py"),
        Path("explore/test_umap_quality.py"),
        Path("plot/test_plot.py"),
        Path("app/test_map.py"),
        Path("app/test_paint_page.py"),
        Path("app/test_shell.py"),
        Path("app/test_nets_page.py"),
        Path("app/test_nothing_lost.py"),
        Path("learn/test_active_gains.py"),
        Path("neural/test_quality.py"),
        Path("neural/test_pickers.py"),
        Path("app/test_picks_page.py"),
        Path("test_earthquakes_page.py"),
    }
    assert wanted - mirrors == set()
    assert mirrors - wanted - own == set()


@pytest.mark.parametrize("module", ["clew", "clew.cli"])
def test_starting_imports_nothing_heavy(module):
    heavy = ["torch", "numba", "matplotlib", "pandas", "scipy", "sklearn", "skimage", "pyarrow", "rich"]
    code = f"import sys, {module}; print([name for name in {heavy} if name in sys.modules])"
    assert (
        subprocess.run(
            [sys.executable, "-c", code], capture_output=True, text=True, check=True
        ).stdout.strip()
        == "[]"
    )


def test_every_name_of_the_front_door_opens():
    import clew

    assert len(clew.__all__) <= 30
    for name in clew.__all__:
        assert getattr(clew, name) is not None
    with pytest.raises(AttributeError):
        clew.no_such_name  # noqa: B018
