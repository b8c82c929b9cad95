"""``mltrain`` on the command line: thin verbs over ``service``.

Each command lives in a module that is imported only when the command runs, so that ``mltrain --help`` stays quick.
"""

from __future__ import annotations

import errno
import gc
import importlib
import os
import sys
from collections.abc import Sequence
from typing import Final

import click

from ..errors import InvalidInput, MltrainError
from .output import escape_what_cannot_be_printed, print_error

# name -> (module, one line for the list of commands), in the order in which a user meets them
COMMANDS = {
    "submit": ("submit", "Run a notebook as a training job."),
    "apply": ("submit", "Run a TFJob, PyTorchJob or Job from a YAML file."),
    "check": ("check", "Check a notebook and its job without running anything."),
    "list": ("jobs", "List jobs, newest first."),
    "watch": ("watch", "Follow one job, or all of them, live."),
    "show": ("jobs", "Show one job: conditions, replicas, outputs."),
    "logs": ("jobs", "Print or follow the log of a job's replica."),
    "events": ("jobs", "List the events of a job."),
    "cancel": ("control", "Stop a job for good; its record stays."),
    "suspend": ("control", "Stop a job's replicas until it is resumed."),
    "resume": ("control", "Let a suspended job run again."),
    "resubmit": ("control", "Run a job's program again as a new job."),
    "delete": ("control", "Stop and forget a job with its outputs on this machine."),
    "build": ("build", "Make a container image of a notebook, and push it."),
    "export": ("export", "Write a notebook as script, manifest, Dockerfile or program."),
    "run-image": ("run_image", "Run a built image on this machine, by podman or docker."),
    "devices": ("machine", "Show processors, memory, GPUs and slots."),
    "samples": ("machine", "List the sample notebooks, or copy one."),
    "recover": ("machine", "Look after jobs whose supervisor died; clean up."),
}


class ReaderGone(Exception):
    """The reader of the output went away. Click takes ``BrokenPipeError`` for itself and exits with 1: a failed job."""


class LazyGroup(click.Group):
    """A group that knows its commands' names and imports a command only to run it."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Return the names in the order of ``COMMANDS``."""
        return list(COMMANDS)

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """Find the command that the arguments begin with; a misspelt one is told the nearest."""
        from difflib import get_close_matches

        if args and args[0] not in COMMANDS and (near := get_close_matches(args[0], COMMANDS, 1)):
            ctx.fail(f"There is no command {args[0]!r}. Did you mean {near[0]!r}?")
        return super().resolve_command(ctx, args)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Import the command's module and return the command."""
        if cmd_name not in COMMANDS:
            return None
        module = importlib.import_module(f"{__name__}.{COMMANDS[cmd_name][0]}")
        command = getattr(module, f"{cmd_name.replace('-', '_')}_command")
        assert isinstance(command, click.Command)
        return command

    def invoke(self, ctx: click.Context) -> object:
        """Run the command."""
        try:
            return super().invoke(ctx)
        except BrokenPipeError:
            raise ReaderGone from None

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the list of commands without importing any."""
        with formatter.section("Commands"):
            formatter.write_dl([(name, text) for name, (_, text) in COMMANDS.items()])


def _print_version(ctx: click.Context, _: click.Parameter, value: bool) -> None:
    if value:
        from importlib.metadata import version

        click.echo(f"mltrain {version('jupyter_mltrain')}")
        ctx.exit()


@click.command(cls=LazyGroup, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
@click.option("--version", is_flag=True, is_eager=True, expose_value=False, callback=_print_version, help="Show it.")
def app() -> None:
    """Notebooks as training jobs: TFJob or PyTorchJob, on this machine or on a Kubernetes cluster.

    A job is named by its id, the beginning of its id, or its name.

    Exit codes: 0 done and succeeded, 1 the job failed, 2 the input was wrong, 3 it could not be done, 4 the job was
    cancelled, 5 its end was not seen (it was deleted), 130 interrupted (a job that was being followed goes on),
    141 the reader of the output went away, 70 a fault in mltrain itself.
    """


_GARBAGE: Final = 100_000
"""New objects between two searches for garbage. Most commands are over before there is any; looking for it 700 objects
at a time, Python's default, is a tenth of what they take."""


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the command line and exit with its code; every foreseen error is one or two plain lines."""
    arguments = sys.argv[1:] if arguments is None else list(arguments)
    as_json = "--json" in arguments
    escape_what_cannot_be_printed()
    gc.set_threshold(_GARBAGE)
    try:
        code = app.main(args=list(arguments), prog_name="mltrain", standalone_mode=False)
    except click.exceptions.Abort:
        code = 130
    except click.ClickException as error:
        code = _wrong_usage(error, as_json=as_json)
    except MltrainError as error:
        print_error(error, as_json=as_json)
        code = 2 if error.http_status == 400 else 3
    except KeyboardInterrupt:
        code = 130
    except ReaderGone:
        # The reader of the pipe went away (`mltrain list | head`): say nothing, and let the interpreter not try to.
        _drop_output()
        code = 141
    except OSError as error:
        code = _no_output(error) if error.errno == errno.ENOSPC else _unforeseen(error, as_json=as_json)
    except Exception as error:  # noqa: BLE001  (nobody foresaw it; a user still gets a sentence, not a traceback)
        code = _unforeseen(error, as_json=as_json)
    sys.exit(code if isinstance(code, int) else 0)


def _wrong_usage(error: click.ClickException, *, as_json: bool) -> int:
    if as_json:
        print_error(InvalidInput(error.format_message(), hint="--help shows the options.", code="usage"), as_json=True)
    else:
        error.show()
    return error.exit_code


def _no_output(error: OSError) -> int:
    """Say that nothing can be written: the backend's own full disk is a `StorageError` long before."""
    _drop_output()
    print_error(MltrainError(f"The output was not written: {error.strerror}"), as_json=False)
    return 3


def _drop_output() -> None:
    """Send what standard output still holds to nowhere, so that the interpreter ends without a word about it."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def _unforeseen(error: Exception, *, as_json: bool) -> int:
    if os.environ.get("MLTRAIN_DEBUG"):
        raise error
    message = f"Something went wrong that nobody foresaw: {type(error).__name__}: {error}"
    print_error(MltrainError(message, hint="MLTRAIN_DEBUG=1 shows where; please report it."), as_json=as_json)
    return 70
