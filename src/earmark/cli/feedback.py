"""`earmark feedback`: what people said about answers, as data to train on."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from earmark.cli.console import counted, note, progress, show, show_json, show_table
from earmark.cli.keys import AsJson, DatabaseOption, StateDir, open_database
from earmark.core.errors import ConfigError

if TYPE_CHECKING:
    from earmark.service.feedback import Entry, Exported

app = typer.Typer(help="List, export and delete what people said about answers.", no_args_is_help=True)

Model = Annotated[str | None, typer.Option("--model", metavar="NAME", help="Only feedback on this model.")]
Since = Annotated[
    str | None, typer.Option("--since", metavar="DATE", help="Only from this day on, such as 2026-03-01 (UTC).")
]
PURPOSE = "earmark feedback"
_REASONS = {
    "no_sound": "whose sound is not kept",
    "conflict": "that contradict each other",
    "none_of_the_labels": "that are none of the labels (--many or --none-as keeps them)",
}


@app.command("list")
def list_all(
    model: Model = None,
    since: Since = None,
    history: Annotated[bool, typer.Option("--history", help="Also what a later word has replaced.")] = False,
    database: DatabaseOption = "",
    state_dir: StateDir = "",
    as_json: AsJson = False,
) -> None:
    """List what was said, oldest first."""
    moment = _moment(since, "--since")
    with open_database(database, state_dir, PURPOSE) as opened:
        from earmark.service.feedback import Wanted, list_feedback

        entries = list_feedback(opened, Wanted(model, moment, history))
    if as_json:
        show_json([entry.to_dict() for entry in entries])
        return
    show_table(
        ["id", "when", "who", "model", "said", "probability", "right", "span", "recording", "sound"],
        [_cells(entry) for entry in entries],
    )


def _cells(entry: Entry) -> list[str]:
    span = "" if entry.start_s is None else f"{entry.start_s:g}-{entry.end_s:g} s"
    right = entry.label or "(none)"
    return [
        entry.id,
        f"{entry.created_at:%Y-%m-%d %H:%M}",
        entry.who,
        entry.model,
        entry.said or "(none)",
        f"{entry.probability:.2f}",
        right if entry.current else f"{right} (replaced)",
        span,
        entry.recording,
        "kept" if entry.audio_kept else "",
    ]


@app.command("export")
def export(
    out: Annotated[Path, typer.Argument(metavar="OUT", help="Folder of the dataset; versions gather in it.")],
    model: Model = None,
    since: Since = None,
    many: Annotated[
        bool, typer.Option("--many", help="Write a column labels, which is empty for none of the labels.")
    ] = False,
    none_as: Annotated[
        str, typer.Option("--none-as", metavar="LABEL", help="The label of sounds that are none of the labels.")
    ] = "",
    database: DatabaseOption = "",
    state_dir: StateDir = "",
    as_json: AsJson = False,
) -> None:
    """Write what was said as a dataset for `earmark train`: a manifest, and the sounds beside it.

    Exits with 1 if there is nothing to export.
    """
    moment = _moment(since, "--since")
    with open_database(database, state_dir, PURPOSE) as opened, progress() as bars:
        from earmark.service.database import state_folder
        from earmark.service.feedback import ExportOptions, SoundShelf, Wanted, export_feedback

        options = ExportOptions(Wanted(model, moment), many, none_as.strip())
        exported = export_feedback(opened, SoundShelf(state_folder(state_dir)), out, options, bars)
    if as_json:
        show_json(exported.to_dict())
    _tell(exported, as_json=as_json)
    if exported.manifest is None:
        raise typer.Exit(1)


def _tell(exported: Exported, *, as_json: bool) -> None:
    for reason, number in exported.left_out.items():
        note(f"earmark: left out {number:,} {_REASONS[reason]}")
    if exported.manifest is None:
        note("earmark: there is no feedback to export")
    elif not as_json:
        state = "new" if exported.is_new else "unchanged"
        groups = counted(exported.n_groups, "group")
        show(f"{exported.manifest}: {state}, {counted(exported.n_clips, 'clip')} of {groups}, {exported.fingerprint}")
        show(f"next: earmark train DATASET --also {exported.manifest}")


@app.command("delete")
def delete(
    ids: Annotated[list[str] | None, typer.Argument(metavar="ID...", help="Numbers of the feedback.")] = None,
    before: Annotated[
        str | None, typer.Option("--before", metavar="DATE", help="All from before this day, such as 2026-03-01 (UTC).")
    ] = None,
    database: DatabaseOption = "",
    state_dir: StateDir = "",
    as_json: AsJson = False,
) -> None:
    """Delete feedback, and its sound where nothing else tells of it."""
    if bool(ids) == bool(before):
        raise ConfigError("earmark feedback delete: give the numbers of feedback, or --before with a day")
    moment = _moment(before, "--before")
    with open_database(database, state_dir, PURPOSE) as opened:
        from earmark.service.database import state_folder
        from earmark.service.feedback import SoundShelf, delete_feedback, find_old

        wanted = ids or (find_old(opened, moment) if moment else [])
        deleted = delete_feedback(opened, SoundShelf(state_folder(state_dir)), wanted)
    for place in deleted.absent:
        note(f"earmark: there was no sound at {place}; name the folder of the service with --state-dir")
    if as_json:
        show_json({"deleted": deleted.ids, "sounds": deleted.sounds, "absent": deleted.absent})
    else:
        show(f"deleted: {len(deleted.ids):,} feedback, {counted(len(deleted.sounds), 'sound')}")


def _moment(text: str | None, flag: str) -> datetime | None:
    if text is None:
        return None
    try:
        moment = datetime.fromisoformat(text)
    except ValueError as error:
        raise ConfigError(f'{flag}: found "{text}", expected a day such as 2026-03-01') from error
    return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment
