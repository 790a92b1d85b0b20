"""`earmark serve`: bundles behind HTTP, with a page to try them."""

from __future__ import annotations

from typing import Annotated

import typer

from earmark.cli.console import show
from earmark.core.optional import import_extra


def serve(
    models: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="[MODEL]...", help="Shipped bundles, bundle folders or addresses; default: all shipped."
        ),
    ] = None,
    host: Annotated[str, typer.Option("--host", help="Address to listen at; beyond this machine keys are needed.")] = (
        "127.0.0.1"
    ),
    port: Annotated[int, typer.Option("--port", help="Port to listen at; 0 for any that is free.")] = 8000,
    database: Annotated[str, typer.Option("--database", help="SQLAlchemy URL of keys and feedback.")] = "",
    state_dir: Annotated[str, typer.Option("--state-dir", help="Folder of the embedded database and audio.")] = "",
    audio_url: Annotated[str, typer.Option("--audio-url", help="Where audio given with consent is kept.")] = "",
    auth: Annotated[str, typer.Option("--auth", help="auto asks for keys beyond this machine, on always.")] = "auto",
    max_upload_mb: Annotated[float, typer.Option("--max-upload-mb", help="Refuse larger bodies.")] = 50.0,
    max_duration_s: Annotated[float, typer.Option("--max-duration", help="Refuse longer sound, in seconds.")] = 600.0,
    timeout_s: Annotated[float, typer.Option("--timeout", help="Give up a request after so many seconds.")] = 30.0,
    max_waiting: Annotated[int, typer.Option("--max-waiting", help="So many requests may wait.")] = 64,
    max_batch: Annotated[int, typer.Option("--max-batch", help="Windows that a model gets at once.")] = 32,
    max_wait_ms: Annotated[
        float, typer.Option("--max-wait-ms", help="How long the first window of a batch waits for others.")
    ] = 2.0,
    workers: Annotated[int, typer.Option("--workers", help="Threads that decode, and that run each model.")] = 2,
    max_streams: Annotated[int, typer.Option("--max-streams", help="So many live streams at once.")] = 16,
    max_batch_files: Annotated[int, typer.Option("--max-batch-files", help="Files in one batch request.")] = 32,
    references: Annotated[
        list[str] | None,
        typer.Option("--references", metavar="PREFIX", help="Addresses that requests may name; repeatable."),
    ] = None,
    reload_s: Annotated[float, typer.Option("--reload", help="Look for changed bundles so often; 0: never.")] = 5.0,
    drain_s: Annotated[float, typer.Option("--drain", help="Time for requests under way after SIGTERM.")] = 20.0,
) -> None:
    """Serve bundles over HTTP: classification, distortion, live streams, feedback, metrics and a page."""
    import_extra("fastapi", "serve", "earmark serve")
    import_extra("uvicorn", "serve", "earmark serve")
    from earmark.core.config import parse_config
    from earmark.service.options import ServeOptions
    from earmark.service.run import serve as run

    wishes = {
        "host": host,
        "port": port,
        "database": database,
        "state_dir": state_dir,
        "audio_url": audio_url,
        "auth": auth,
        "max_upload_mb": max_upload_mb,
        "max_duration_s": max_duration_s,
        "timeout_s": timeout_s,
        "max_waiting": max_waiting,
        "max_batch": max_batch,
        "max_wait_ms": max_wait_ms,
        "workers": workers,
        "max_streams": max_streams,
        "max_batch_files": max_batch_files,
        "references": tuple(references or ()),
        "reload_s": reload_s,
        "drain_s": drain_s,
    }
    named = {"models": tuple(models)} if models else {}
    run(parse_config(ServeOptions, wishes | named, "serve"), show)
