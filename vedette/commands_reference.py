"""The reference of all commands, made from the commands themselves: `python -m vedette.commands_reference`."""

import inspect
import sys
from collections.abc import Iterator

from typer.core import TyperArgument, TyperGroup, TyperOption
from typer.main import get_command

from vedette.cli import PROGRAM, app

HEAD = f"""# Commands

Written by `python -m vedette.commands_reference`; `{PROGRAM} COMMAND --help` says the same.
Every command ends with 0 (done), 1 (failed) or 2 (wrong use). Errors go to standard error.
"""


def reference() -> str:
    """The whole page, in Markdown."""
    group = get_command(app)
    assert isinstance(group, TyperGroup)  # noqa: S101  it has commands, so it is one
    return "\n".join([HEAD, *_sections(group, PROGRAM)])


def _sections(group: TyperGroup, path: str) -> Iterator[str]:
    for name, command in group.commands.items():
        here = f"{path} {name}"
        if isinstance(command, TyperGroup):
            yield from _sections(command, here)
            continue
        arguments = [param for param in command.params if isinstance(param, TyperArgument)]
        options = [param for param in command.params if isinstance(param, TyperOption) and not param.hidden]
        yield f"## {' '.join([here, *map(_shown, arguments)])}\n"
        yield f"{inspect.cleandoc(command.help or '')}\n"
        if arguments or options:
            yield "| option | meaning | default |"
            yield "|---|---|---|"
            yield from (f"| `{_name(param)}` | {_one_line(param.help)} | |" for param in arguments)
            yield from (f"| `{_flags(param)}` | {_one_line(param.help)} | {_default(param)} |" for param in options)
            yield ""


def _name(argument: TyperArgument) -> str:
    return argument.metavar or str(argument.name).upper()


def _shown(argument: TyperArgument) -> str:
    shown = _name(argument) + ("..." if argument.nargs == -1 else "")
    return shown if argument.required else f"[{shown}]"


def _flags(option: TyperOption) -> str:
    flags = ", ".join(option.opts) + "".join(f" / {flag}" for flag in option.secondary_opts)
    return flags if option.is_flag else f"{flags} {option.metavar or 'NUMBER'}"


def _default(option: TyperOption) -> str:
    if isinstance(option.show_default, str):
        return option.show_default
    plain = option.default is None or option.is_flag or callable(option.default)
    return "" if plain else f"`{option.default}`"


def _one_line(text: str | None) -> str:
    return " ".join((text or "").split()).replace("|", "\\|")


if __name__ == "__main__":
    sys.stdout.write(reference())
