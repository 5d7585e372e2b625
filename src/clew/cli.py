"""One command per verb; flags derive from the signatures in `clew.steps` and of the steps themselves."""

from __future__ import annotations

import contextlib
import inspect
import json
import logging
import os
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import click

from clew.app.demonstrating import demo
from clew.app.verb import serve
from clew.bench.verb import bench
from clew.errors import ClewError, Stopped, did_you_mean, place_refused
from clew.report.denoising import denoise
from clew.report.generating import generate
from clew.report.picking import pick
from clew.report.pixel_maps import explain as pixels_explain
from clew.report.showing import show
from clew.report.verb import report
from clew.steps import VERBS as STEPS
from clew.steps import Outcome, Verb
from clew.steps.outcome import plain
from clew.steps.settings import Setting, settings_of_verb, takes_progress

VERBS = {
    "demo": Verb("demo", demo),
    **STEPS,
    "pixels explain": Verb("pixels explain", pixels_explain),
    "pick": Verb("pick", pick),
    "denoise": Verb("denoise", denoise),
    "generate": Verb("generate", generate),
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
    settings = settings_of_verb(verb)
    params = [_argument(one) if one.positional else _option(one) for one in settings]
    params.append(
        click.Option(["--json", "as_json"], is_flag=True, help="Print one JSON object for scripts.")
    )
    return click.Command(
        verb.name,
        params=params,
        callback=_caller(verb, [one for one in settings if one.positional]),
        help=(inspect.getdoc(verb.run) or "").partition("\n\nParameters")[0],
    )


def _argument(one: Setting) -> click.Parameter:
    name = one.name.upper() + ("..." if one.many else "")
    return click.Argument(
        [one.name],
        type=click.Path(path_type=Path, readable=False) if one.kind in ("path", "study") else str,
        nargs=-1 if one.many else 1,
        required=one.required,
        metavar=name if one.required else f"[{name}]",
        **({} if one.required else {"default": one.default}),  # None would stand for a given value
    )


def _option(one: Setting) -> click.Parameter:
    if one.kind == "yes or no":
        return click.Option([one.flag, one.name], is_flag=True, default=False, help=one.help)
    given = {} if one.required else {"default": one.default, "show_default": one.default is not None}
    return click.Option(
        [one.flag, one.name],
        type=_type_of(one),
        required=one.required,
        multiple=one.many,
        help=one.help,
        **given,
    )


def _type_of(one: Setting) -> Any:
    """Return click's type for one value of a setting."""
    if one.kind == "choice":
        return click.Choice(one.choices)
    numbers: dict[str, type] = {"number": float, "whole number": int}
    if one.kind in numbers:
        return NumberOr(numbers[one.kind], list(one.choices)) if one.choices else numbers[one.kind]
    paths = click.Path(path_type=Path, readable=False)
    return {"text": str, "numbers": Numbers(), "path": paths}[one.kind]


def _caller(verb: Verb, placed: list[Setting]) -> Callable[..., None]:
    by_place = {one.name for one in placed}

    def call(as_json: bool, **values: Any) -> None:
        began = time.perf_counter()
        ctx = click.get_current_context()
        given: dict[str, Any] = {}
        for name, value in values.items():
            source = ctx.get_parameter_source(name)
            if name in by_place or source is None or source.name != "DEFAULT":
                given[name] = _parted(value) if isinstance(value, tuple) else value
        args = [_opened(given.pop(one.name), one.kind) for one in placed]
        with progress(verb.name) as on_progress:
            outcome = verb.run(
                *args, **given, **({"on_progress": on_progress} if takes_progress(verb) else {})
            )
        seconds = time.perf_counter() - began
        say(outcome, verb=verb.name, study=values.get("study"), seconds=seconds, as_json=as_json)
        if outcome.then is not None and not as_json:
            outcome.then()
        if outcome.status:
            sys.exit(outcome.status)

    return call


def _parted(values: tuple[Any, ...]) -> list[Any]:
    """Return repeated options as one list; names may also be listed with commas."""
    return [part for value in values for part in (value.split(",") if isinstance(value, str) else [value])]


def _opened(value: Any, kind: str) -> Any:
    if kind != "study":
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
    except MemoryError as error:
        refuse(
            f"The memory of the machine must hold what is worked on. Got none left: fewer rows, or a smaller model, help. {error}".rstrip()
        )
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(0)
    except OSError as error:
        refuse(place_refused(error))


class _OnStderr(logging.Handler):
    """Show on stderr what clew's own modules log for people, such as that something is being compiled."""

    def emit(self, record: logging.LogRecord) -> None:
        """Write one line, and where something has failed, where."""
        click.echo(self.format(record), err=True)


def _show_log() -> None:
    log = logging.getLogger("clew")
    if not log.handlers:
        log.addHandler(_OnStderr())
        log.setLevel(logging.INFO)


def refuse(sentence: str, *, status: int = 2) -> None:
    """Say one sentence on stderr and leave."""
    click.echo(sentence, err=True)
    sys.exit(status)
