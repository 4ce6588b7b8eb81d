"""How typer's commands behave here: they start quickly, their help says only what is needed, wrong usage is one kind of error."""

import re
from collections import Counter
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import typer
from typer.core import TyperCommand, TyperGroup

from fercli.errors import UsageError, nearest
from fercli.interface import Engine
from fercli.models.registry import ENSEMBLES, MODELS
from fercli.remote import local
from fercli.surroundings import refuse_few_threads, refuse_little_memory, refuse_lost_folder

# Newer versions of typer bundle click, older ones import it: this parent of a public class is click's UsageError in both.
_WRONG_USAGE: Any = typer.BadParameter.__mro__[1]

_ORDER = "fercli.order"


class _Plain:
    """Makes the parameters of a command plain; see `_make_plain`."""

    def get_params(self, context: Any) -> list[Any]:
        parameters: list[Any] = super().get_params(context)  # type: ignore[misc]
        for parameter in parameters:
            if not hasattr(parameter, "is_plain"):
                _make_plain(parameter)
        return parameters

    def collect_usage_pieces(self, context: Any) -> list[str]:
        pieces: list[str] = super().collect_usage_pieces(context)  # type: ignore[misc]
        return [piece.strip("{}") for piece in pieces]

    def parse_args(self, context: Any, arguments: list[str]) -> list[str]:
        """Parse as usual, refuse what is given twice but kept once, and keep the order of the options."""
        given = list(arguments)
        rest: list[str] = super().parse_args(context, arguments)  # type: ignore[misc]
        _, _, parameters = self.make_parser(context).parse_args(args=given)  # type: ignore[attr-defined]
        for parameter, count in Counter(parameters).items():
            single = parameter.param_type_name == "option" and not parameter.multiple
            if count > 1 and single and not (parameter.is_flag and not parameter.secondary_opts):  # -q -q says the same twice
                context.fail(f"{'/'.join((*parameter.opts[:1], *parameter.secondary_opts))} is given {count} times; give it once")
        context.meta[_ORDER] = [parameter.name for parameter in parameters]
        return rest


class Command(_Plain, TyperCommand):
    """A command of fercli."""

    def invoke(self, context: Any) -> Any:
        """Run the command, or raise FercliError where its libraries would crash for what is missing around them."""
        refuse_lost_folder()
        places = repr(list(context.params.values()))
        arrow = ".parquet" in places or "://" in places or context.params.get("engine") == Engine.ray
        refuse_little_memory(self.name or "", arrow=arrow)
        refuse_few_threads(self.name or "")
        return super().invoke(context)


class Group(_Plain, TyperGroup):
    """fercli, with its commands."""


def _make_plain(parameter: Any) -> None:
    """Leave types out of the help where they say nothing, refuse URIs for paths of this machine, and convert only what is given.

    To convert a missing value to a text or a truth value, typer 0.29 loads pydantic, which doubles the time of `fercli models`.
    """
    parameter.is_plain = True
    if parameter.param_type_name == "argument":
        parameter.display_type_rich = lambda ctx: ""  # such as <list[Path]>
    elif parameter.is_flag:
        parameter.metavar = ""  # instead of <bool>
        if parameter.default is None and not parameter.secondary_opts:
            parameter.default = False
    convert = parameter.process_value

    def process(context: Any, value: Any) -> Any:
        missing = value is None and parameter.nargs == 1 and not (parameter.required or parameter.multiple or parameter.callback)
        taken = None if missing else convert(context, value)
        if isinstance(taken, list):
            return [_on_this_machine(text, path) for text, path in zip(value, taken, strict=True)]
        return _on_this_machine(value, taken)

    parameter.process_value = process


def _on_this_machine(given: Any, taken: Any) -> Any:
    """Return what was taken for a parameter; of a URI that was taken for a path, which nobody means, the place instead."""
    uri = type(taken) is type(Path()) and isinstance(given, str) and "://" in given
    return local(given) if uri else taken


def order_of(context: typer.Context) -> list[str]:
    """Return the names of the parameters in the order of the command line, each as often as it is there."""
    order: list[str] = context.meta[_ORDER]
    return order


def call(app: Callable[..., Any], arguments: Sequence[str]) -> int:
    """Run `app` with the arguments and return its exit code; raise UsageError where they are not what it takes."""
    try:
        code = app(list(arguments), standalone_mode=False, prog_name="fercli")
    except _WRONG_USAGE as error:
        raise UsageError(_sentence(error)) from None
    return code if isinstance(code, int) else 0


def _sentence(error: Any) -> str:
    """Return typer's message about wrong usage as one sentence, with the word that was probably meant, and where to read on."""
    text = " ".join(error.format_message().split()).removesuffix(".").replace("Value error, ", "")  # which pydantic adds
    command = error.ctx.command_path if error.ctx else "fercli"
    meant = ""
    if misspelt := re.search(r"'(?P<given>[^']*)' is not one of (?P<known>.*)", text):
        meant = nearest(misspelt["given"], re.findall(r"'([^']*)'", misspelt["known"]))
    elif getattr(error, "possibilities", None):
        text, meant = f"No such option: {error.option_name}", nearest(error.option_name, error.possibilities)
    elif extra := re.fullmatch(r"Got unexpected extra argument\S* \((?P<first>\S+)(?P<others>.*)\)", text):
        text = f"{command} does not know what to do with {extra['first']}{extra['others']}"
        if extra["first"] in {*MODELS, *ENSEMBLES} and any("--model" in parameter.opts for parameter in error.ctx.command.params):
            meant = f" Did you mean --model {extra['first']}?"
    end = "" if text.endswith("?") else "."
    return f"{text}{end}{meant} See {command} --help."


def examples(*lines: str) -> str:
    """Return the examples that end a command's help, as its epilog."""
    return "\n\n".join(["Examples:", *(line.replace("[", "\\[") for line in lines)])
