"""One command per verb; flags derive from the signatures in `clew.steps` and of the steps themselves."""

from __future__ import annotations

import contextlib
import errno
import importlib
import inspect
import json
import logging
import os
import re
import sys
import time
import typing
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from types import NoneType
from typing import Any

import click

from clew.app.verb import serve
from clew.bench.verb import bench
from clew.demo import demo
from clew.errors import ClewError, Stopped, did_you_mean
from clew.report.pixel_maps import explain as pixels_explain
from clew.report.showing import show
from clew.report.verb import report
from clew.result import literal_choices, settings_of
from clew.steps import VERBS as STEPS
from clew.steps import Outcome, Verb
from clew.steps.outcome import plain

VERBS = {
    "demo": Verb("demo", demo),
    **STEPS,
    "pixels explain": Verb("pixels explain", pixels_explain),
    "show": Verb("show", show),
    "report": Verb("report", report),
    "serve": Verb("serve", serve),
    "bench": Verb("bench", bench),
}

GROUPS = {"pixels": "Classify every pixel of images: "}  # verbs of two words, by the first


class Verbs(click.Group):
    """The group of all verbs, or of those that begin with the same word; a verb is built only when it is called for."""

    begin = ""

    def parts(self) -> dict[str, str]:
        """Return the words that may come next, in the order of the walk-through, with what each does."""
        found: dict[str, str] = {}
        for name, verb in VERBS.items():
            if name.startswith(self.begin):
                word, _, more = name.removeprefix(self.begin).partition(" ")
                found[word] = (
                    f"{found[word]}, {more}" if word in found else GROUPS[word] + more if more else verb.help
                )
        return found

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Return the words that may come next."""
        return list(self.parts())

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Build one verb's command, or the group of those that begin so."""
        name = self.begin + cmd_name
        if name in VERBS:
            return command(VERBS[name])
        if cmd_name not in self.parts():
            return None
        group = Verbs(cmd_name, help=GROUPS[cmd_name].rpartition(":")[0] + ".", invoke_without_command=True)
        group.callback = click.pass_context(_help)
        group.begin = f"{name} "
        return group

    def resolve_command(self, ctx: click.Context, args: list[str]) -> Any:
        """Find the verb, or suggest one."""
        known = self.parts()
        if args and args[0] not in known:
            raise click.UsageError(
                f"The verb must be one of: {', '.join(self.begin + one for one in known)}. "
                f"Got '{self.begin}{args[0]}' instead.{did_you_mean(args[0], known)}"
            )
        return super().resolve_command(ctx, args)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """List the verbs without importing what they need."""
        with formatter.section("Verbs"):
            formatter.write_dl(list(self.parts().items()))


def _help(ctx: click.Context) -> None:
    """Answer without a verb: show the help."""
    if ctx.invoked_subcommand is None:
        click.echo(ctx.get_help())


class Numbers(click.ParamType):
    """Numbers with commas."""

    name = "number,..."

    def convert(self, value: Any, param: Any, ctx: Any) -> Any:
        """Turn text into numbers."""
        if not isinstance(value, str):
            return value
        try:
            return [float(part) for part in value.split(",")]
        except ValueError:
            self.fail(f"It must be numbers with commas, such as 1,2,4. Got '{value}' instead.")


class NumberOr(click.ParamType):
    """A number, or one of a few words."""

    def __init__(self, number: type, words: list[str]) -> None:
        self.number, self.words = number, words
        self.name = "|".join([number.__name__, *words])

    def convert(self, value: Any, param: Any, ctx: Any) -> Any:
        """Turn text into the number or the word."""
        if value in self.words or not isinstance(value, str):
            return value
        try:
            return self.number(value)
        except ValueError:
            kind = {"int": "an int", "float": "a number"}[self.number.__name__]
            self.fail(
                f"It must be {kind} or one of: {', '.join(self.words)}. Got '{value}' instead.{did_you_mean(value, self.words)}"
            )


def command(verb: Verb) -> click.Command:
    """Make the command of a verb from signatures and docstrings."""
    functions = [verb.run]
    if verb.settings:
        module, _, name = verb.settings.partition(":")
        functions.append(getattr(importlib.import_module(module), name))
    params: list[click.Parameter] = [_argument(p, _hints(verb.run)[p.name]) for p in _positional(verb.run)]
    for function in functions:
        told = described(function)
        hints = _hints(function)
        for setting in settings_of(function).values():
            if setting.name not in verb.leave_out:
                params.append(_option(setting, hints[setting.name], told.get(setting.name, "")))
    params.append(
        click.Option(["--json", "as_json"], is_flag=True, help="Print one JSON object for scripts.")
    )
    return click.Command(
        verb.name,
        params=params,
        callback=_caller(verb),
        help=(inspect.getdoc(verb.run) or "").partition("\n\nParameters")[0],
    )


def described(function: Callable[..., Any]) -> dict[str, str]:
    """Return what the NumPy-style docstring of a function says about each parameter, on one line each.

    "As for `train`" is followed: what is said there is said here.
    """
    told: dict[str, str] = {}
    names: list[str] = []
    lines = (inspect.getdoc(function) or "").splitlines()
    start = lines.index("Parameters") + 2 if "Parameters" in lines else len(lines)
    for line, following in zip(lines[start:], [*lines[start + 1 :], ""]):
        if set(following) == {"-"}:
            break
        if line and not line.startswith(" "):
            names = [name.strip() for name in line.partition(" : ")[0].split(",")]
        elif line.strip():
            for name in names:
                told[name] = f"{told.get(name, '')} {line.strip()}".strip()
    for name, text in told.items():
        elsewhere = re.search(r"\b[Aa]s for `([\w.]+)`", text)
        if elsewhere:
            told[name] = described(_named_in(function, elsewhere[1])).get(name, text)
    return {name: text.replace("``", "").replace("`", "") for name, text in told.items()}


def _named_in(function: Callable[..., Any], name: str) -> Callable[..., Any]:
    """Return the function that a docstring names, by its whole name or as its module knows it."""
    module, _, own = name.rpartition(".")
    found: Callable[..., Any] = getattr(importlib.import_module(module or function.__module__), own)
    return found


def _positional(function: Callable[..., Any]) -> list[inspect.Parameter]:
    kinds = (inspect.Parameter.POSITIONAL_ONLY, inspect.Parameter.POSITIONAL_OR_KEYWORD)
    return [p for p in inspect.signature(function).parameters.values() if p.kind in kinds]


def _hints(function: Callable[..., Any]) -> dict[str, Any]:
    inner = inspect.unwrap(function)
    names = dict.fromkeys(("Study", "Step", "Source", "Samples", "Measured"), Any)
    return typing.get_type_hints(inner, localns={**names, "Study": _OpenStudy})


class _OpenStudy:
    """Stands for a study in hints; opened only when the verb runs."""


def _argument(parameter: inspect.Parameter, hint: Any) -> click.Argument:
    many = typing.get_origin(hint) in (list, Sequence)
    inner = next((part for part in typing.get_args(hint) if part is not NoneType), hint)
    kind: Any = click.Path(path_type=Path, readable=False) if inner in (Path, _OpenStudy) else str
    required = parameter.default is inspect.Parameter.empty
    return click.Argument(
        [parameter.name],
        type=kind,
        nargs=-1 if many else 1,
        required=required,
        metavar=_metavar(parameter, many),
        **(
            {} if required else {"default": parameter.default}
        ),  # a default of None would stand for a given value
    )


def _metavar(parameter: inspect.Parameter, many: bool) -> str:
    name = parameter.name.upper() + ("..." if many else "")
    return name if parameter.default is inspect.Parameter.empty else f"[{name}]"


def _option(setting: inspect.Parameter, hint: Any, told: str) -> click.Option:
    flag = "--" + setting.name.replace("_", "-")
    required = setting.default is inspect.Parameter.empty
    given = {} if required else {"default": setting.default, "show_default": setting.default is not None}
    kind, many = _type_of(hint)
    if kind is bool:
        return click.Option([flag, setting.name], is_flag=True, default=False, help=told)
    return click.Option([flag, setting.name], type=kind, required=required, multiple=many, help=told, **given)


def _type_of(hint: Any) -> tuple[Any, bool]:
    """Return click's type for an annotation, and whether the option may be repeated."""
    words, _ = literal_choices(hint)
    parts = [
        part
        for part in (typing.get_args(hint) if typing.get_origin(hint) is not typing.Literal else ())
        if part is not NoneType
    ]
    if typing.get_origin(hint) is list:
        parts = [hint]
    plain = [part for part in parts if isinstance(part, type)]
    if words and not plain:
        return click.Choice([str(word) for word in words]), False
    if words:
        return NumberOr(
            next(part for part in (int, float) if part in plain), [str(word) for word in words]
        ), False
    if str in plain or hint is str:  # a list of names may be written with commas
        return str, False
    lists = [typing.get_args(part)[0] for part in parts if typing.get_origin(part) is list]
    if float in lists:
        return Numbers(), False
    if lists:
        return (click.Path(path_type=Path, readable=False) if lists[0] is Path else str), True
    one = plain[0] if plain else hint
    return (click.Path(path_type=Path, readable=False) if one is Path else one), False


def _caller(verb: Verb) -> Callable[..., None]:
    hints = _hints(verb.run)
    positional = [p.name for p in _positional(verb.run)]
    takes_progress = "on_progress" in inspect.signature(verb.run).parameters

    def call(as_json: bool, **values: Any) -> None:
        began = time.perf_counter()
        ctx = click.get_current_context()
        given: dict[str, Any] = {}
        for name, value in values.items():
            source = ctx.get_parameter_source(name)
            if name in positional or source is None or source.name != "DEFAULT":
                given[name] = _parted(value) if isinstance(value, tuple) else value
        args = [_opened(given.pop(name), hints[name]) for name in positional]
        with progress(verb.name) as on_progress:
            outcome = verb.run(*args, **given, **({"on_progress": on_progress} if takes_progress else {}))
        seconds = time.perf_counter() - began
        say(outcome, verb=verb.name, study=values.get("study"), seconds=seconds, as_json=as_json)
        if outcome.status:
            sys.exit(outcome.status)

    return call


def _parted(values: tuple[Any, ...]) -> list[Any]:
    """Return repeated options as one list; names may also be listed with commas."""
    return [part for value in values for part in (value.split(",") if isinstance(value, str) else [value])]


def _opened(value: Any, hint: Any) -> Any:
    if hint is not _OpenStudy:
        return value
    from clew.study.study import Study

    return Study(value)


@contextlib.contextmanager
def progress(what: str) -> Iterator[Callable[[int, int], None]]:
    """Yield a callback that draws a bar on stderr, when a person is watching."""
    if not sys.stderr.isatty():
        yield lambda done, total: None
        return
    from rich.console import Console
    from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

    with Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        TimeElapsedColumn(),
        console=Console(stderr=True),
        transient=True,
    ) as bar:
        task = bar.add_task(what, total=None)
        yield lambda done, total: bar.update(task, completed=done, total=total)


def say(outcome: Outcome, *, verb: str, study: Any, seconds: float, as_json: bool) -> None:
    """Print an outcome: sentences for a person, or one JSON object for a script."""
    if not as_json:
        if outcome.lines:  # none where all was said while it was done
            click.echo("\n".join(outcome.lines))
        return
    head = {
        "step": outcome.step.id if outcome.step is not None else None,
        "verb": verb,
        "study": None if study is None else str(study),
        "seconds": round(seconds, 3),
    }
    click.echo(json.dumps(plain({**head, **outcome.data, "warnings": outcome.warnings}), allow_nan=False))


@click.group(
    cls=Verbs,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 110},
    invoke_without_command=True,
    help="""From raw, unlabelled measurements to a model that can be trusted, and the thread that leads back.

    \b
    clew demo                      the whole walk-through on simulated blobs
    clew demo signals              the same on four simulated seismometers
    clew new my.study image.tif    measure, and seal a part of the rows
    clew explore my.study          are there groups? which measurements tell them apart?
    """,
)
@click.version_option(package_name="clew", message="clew %(version)s")
@click.pass_context
def cli(ctx: click.Context) -> None:
    """Answer without a verb: show the help."""
    _help(ctx)


def main(args: list[str] | None = None) -> None:
    """Run the command line; every refusal is one sentence on stderr and exit status 2."""
    _show_log()
    try:
        status = cli.main(args=args, prog_name="clew", standalone_mode=False)
        sys.exit(status if isinstance(status, int) else 0)
    except (click.exceptions.Abort, KeyboardInterrupt):
        refuse("Stopped; nothing was recorded.", status=130)
    except Stopped as stopped:
        refuse(str(stopped), status=130)
    except click.ClickException as error:
        refuse(" ".join(error.format_message().split()))
    except ClewError as error:
        refuse(str(error))
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(0)
    except OSError as error:
        why = {errno.ENOSPC: "a full disk", errno.EACCES: "no permission", errno.EROFS: "a read-only disk"}
        got = why.get(error.errno or 0) or error.strerror or str(error)
        refuse(
            f"The place '{error.filename or 'that was named'}' must be one that can be read or written. Got: {got}."
        )


class _OnStderr(logging.Handler):
    """Show on stderr what clew's own modules log for people, such as that something is being compiled."""

    def emit(self, record: logging.LogRecord) -> None:
        """Write one line."""
        click.echo(record.getMessage(), err=True)


def _show_log() -> None:
    log = logging.getLogger("clew")
    if not log.handlers:
        log.addHandler(_OnStderr())
        log.setLevel(logging.INFO)


def refuse(sentence: str, *, status: int = 2) -> None:
    """Say one sentence on stderr and leave."""
    click.echo(sentence, err=True)
    sys.exit(status)
