"""The command `earmark`: its groups, and what becomes of an error.

Exit codes: 0 the work was done, 1 it failed, 2 the command line or configuration is wrong.
"""

from __future__ import annotations

import sys
from typing import Annotated

import typer

from earmark import __version__
from earmark.cli import bundle, data, demo, evaluate, experiment, predict, train
from earmark.cli.console import note, show
from earmark.core.errors import ConfigError, EarmarkError

app = typer.Typer(
    name="earmark",
    help="Turn labelled audio clips into measured, deployable audio classifiers.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)
app.command("demo")(demo.demo)
app.command("train")(train.train)
app.command("evaluate")(evaluate.evaluate)
app.command("predict")(predict.predict)
app.add_typer(data.app, name="data")
app.add_typer(experiment.app, name="experiment")
app.add_typer(bundle.app, name="bundle")


def _print_version(wanted: bool) -> None:
    if wanted:
        show(f"earmark {__version__}")
        raise typer.Exit


@app.callback()
def common(
    version: Annotated[
        bool, typer.Option("--version", callback=_print_version, is_eager=True, help="Print the version and exit.")
    ] = False,
    debug: Annotated[bool, typer.Option("--debug", help="Show the traceback of an error.")] = False,
) -> None:
    """Turn labelled audio clips into measured, deployable audio classifiers."""


def main() -> None:
    """Run the command line; turn an earmark error into one line on standard error."""
    try:
        app()
    except EarmarkError as error:
        if "--debug" in sys.argv[1:]:
            raise
        note(f"earmark: {error}")
        sys.exit(2 if isinstance(error, ConfigError) else 1)
    except KeyboardInterrupt:
        note("earmark: interrupted; finished work is kept")
        sys.exit(130)
    except BrokenPipeError:
        sys.stderr.close()
        sys.exit(1)
