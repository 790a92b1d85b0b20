"""The command `earmark`: its groups, and what becomes of an error.

Exit codes: 0 the work was done, 1 it failed, 2 the command line or configuration is wrong, 130 Ctrl-C.

Linear algebra runs on one thread unless OMP_NUM_THREADS or OPENBLAS_NUM_THREADS say otherwise: the matrices here are
small, and threads that wait for each other made a prediction take 6 ms instead of 2. `--workers` uses more cores.
"""

from __future__ import annotations

import io
import os
import sys
from typing import Annotated

import typer

from earmark import __version__
from earmark.cli import (
    analyze,
    bundle,
    check,
    data,
    demo,
    distort,
    evaluate,
    experiment,
    feedback,
    keys,
    listen,
    predict,
    segments,
    serve,
    train,
    train_distortion,
    weights,
)
from earmark.cli.console import note, show
from earmark.cli.many_values import ManyValues
from earmark.core.errors import ConfigError, EarmarkError

INTERRUPTED = 130
THREAD_VARIABLES = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS")

app = typer.Typer(
    name="earmark",
    help="Turn labelled audio clips into measured, deployable audio classifiers.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)
app.command("demo")(demo.demo)
app.command("train", cls=train_distortion.TrainCommand)(train.train)
app.command("evaluate")(evaluate.evaluate)
app.command("predict")(predict.predict)
app.command("analyze", cls=ManyValues)(analyze.analyze)
app.command("check")(check.check)
app.command("listen")(listen.listen)
app.command("serve")(serve.serve)
app.command("segments", cls=segments.SegmentsCommand)(segments.segments)
app.command("review")(segments.review)
app.command("distort", cls=distort.Chained)(distort.distort)
app.add_typer(data.app, name="data")
app.add_typer(experiment.app, name="experiment")
app.add_typer(bundle.app, name="bundle")
app.add_typer(weights.app, name="weights")
app.add_typer(keys.app, name="keys")
app.add_typer(feedback.app, name="feedback")


def _print_version(wanted: bool) -> None:
    if wanted:
        show(f"earmark {__version__}")
        raise typer.Exit


@app.callback()
def common(
    _version: Annotated[
        bool, typer.Option("--version", callback=_print_version, is_eager=True, help="Print the version and exit.")
    ] = False,
    debug: Annotated[bool, typer.Option("--debug", help="Show the traceback of an error.")] = False,
) -> None:
    """Turn labelled audio clips into measured, deployable audio classifiers."""
    import logging

    from earmark.core.settings import settings

    logging.basicConfig(level=logging.DEBUG if debug else settings().log_level, format="earmark: %(message)s")


def main() -> None:
    """Run the command line; turn an earmark error into one line on standard error."""
    for variable in THREAD_VARIABLES:  # read once, when numpy is imported
        os.environ.setdefault(variable, "1")
    if isinstance(sys.stdout, io.TextIOWrapper):  # a file name that is not UTF-8 is shown with \udcff for its bytes
        sys.stdout.reconfigure(errors="backslashreplace")
    try:
        app()
    except EarmarkError as error:
        if "--debug" in sys.argv[1:]:
            raise
        note(f"earmark: {error}")
        sys.exit(2 if isinstance(error, ConfigError) else 1)
    except SystemExit as end:  # Typer turns Ctrl-C into this exit, and a closed pipe into exit 1, without a word
        if end.code == INTERRUPTED:
            note("earmark: interrupted; finished work is kept")
        raise
