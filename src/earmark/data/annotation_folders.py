"""Annotation tables beside their recordings become a dataset."""

from __future__ import annotations

import ntpath
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from earmark.core.errors import DataError
from earmark.core.progress import SILENT, track
from earmark.data.annotation_tables import FileAnnotation, parse_audacity, parse_raven, table_kind
from earmark.data.annotations import Annotation, Recording, recording_clips
from earmark.data.dataset import Dataset
from earmark.data.grouping import group_of, group_rule
from earmark.data.manifest import absent_files
from earmark.data.paths import is_audio, recording_ids, resolve, walk_visible
from earmark.data.tables import decoded, read_text

if TYPE_CHECKING:
    from pathlib import Path

    from earmark.core.progress import Progress
    from earmark.data.options import LoadOptions


BEGINNING_BYTES = 65_536


@dataclass
class _Found:
    """Annotations by audio file, in the order in which the tables name the files."""

    annotations: dict[Path, list[Annotation]] = field(default_factory=dict)
    where: dict[Path, str] = field(default_factory=dict)

    def add(self, path: Path, where: str, annotation: Annotation | None) -> None:
        self.where.setdefault(path, where)
        self.annotations.setdefault(path, [])
        if annotation is not None:
            self.annotations[path].append(annotation)


def find_tables(folder: Path, encoding: str = "utf-8") -> list[Path]:
    """Return the Raven and Audacity tables below a folder, in the order of their names.

    An empty .txt file counts where audio of its name lies beside it: somebody listened and marked nothing.
    """
    found = []
    for parent, names in walk_visible(folder):
        for name in names:
            path = parent / name
            if path.suffix.lower() != ".txt" or name.startswith("."):
                continue
            text = _beginning(path, encoding)
            if table_kind(text) is not None or (not text.strip() and _named_like(path, path.parent)):
                found.append(path)
    return sorted(found)


def _beginning(path: Path, encoding: str) -> str:
    """Return enough of a file to tell a table from notes, a licence or a log, in whatever encoding those are.

    What is no text at all reads as a dot, so that it is neither a table nor empty.
    """
    try:
        with path.open("rb") as file:
            return decoded(file.read(BEGINNING_BYTES), encoding, errors="replace")
    except (OSError, DataError):
        return "."


def load_annotation_tables(source: Path, options: LoadOptions, progress: Progress = SILENT) -> Dataset:
    """Return the dataset of one annotation table, or of a folder of them.

    With `window_s` recordings are cut into windows and the task is "many"; without, each annotated stretch is a clip.

    Raises:
        DataError: A table is damaged, its audio is not there, or nothing is left.
    """
    tables = find_tables(source, options.encoding) if source.is_dir() else [source]
    found = _Found()
    for table in track(tables, "annotation tables", len(tables), progress):
        _read(table, options, found)
    files = [(found.where[path], path) for path in found.annotations]
    absent = set(absent_files(files, options, progress))
    paths = [path for position, (_, path) in enumerate(files) if position not in absent]
    root = options.audio_dir or (source if source.is_dir() else source.parent)
    names = recording_ids([(path.as_posix(), path) for path in paths], root)
    rule = group_rule(options.group_by, None)
    recordings = [
        Recording(name, path, group_of(rule, name, path), tuple(found.annotations[path]))
        for name, path in zip(names, paths, strict=True)
    ]
    clips = recording_clips(recordings, options)
    if not clips:
        raise DataError(
            f"{source}: no clip comes out of {len(tables)} annotation tables and {len(recordings)} recordings; "
            "use a shorter min_overlap_s, or keep_negatives for recordings in which nothing is marked"
        )
    task = options.task or ("many" if options.window_s is not None else None)
    return Dataset.of(source.resolve().stem, clips, task=task)


def _read(table: Path, options: LoadOptions, found: _Found) -> None:
    text = read_text(table, options.encoding)
    audio_dir = options.audio_dir or table.parent
    kind = table_kind(text)
    if kind is None and text.strip():
        raise DataError(
            f'{table}: is neither a Raven selection table (header with "Begin Time (s)") nor Audacity labels '
            "(start, end and label with tabs between them)"
        )
    raven = kind == "raven"
    annotations = parse_raven(table, text, options.label_column) if raven else parse_audacity(table, text)
    if not annotations:
        found.add(_audio_of_table(table, audio_dir), table.name, None)
    for item in annotations:
        _place(item, table, audio_dir, found)


def _place(item: FileAnnotation, table: Path, audio_dir: Path, found: _Found) -> None:
    annotation = item.annotation
    path = _audio_named(item.file, audio_dir) if item.file else _audio_of_table(table, audio_dir)
    if item.next_file and path.is_file():
        from earmark.audio.read import probe_audio

        rest_s = annotation.end_s - probe_audio(path).duration_s
        if rest_s > 0:
            following = replace(annotation, start_s=0.0, end_s=round(rest_s, 6))
            found.add(_audio_named(item.next_file, audio_dir), annotation.where, following)
    found.add(path, annotation.where, annotation)


def _audio_named(text: str, audio_dir: Path) -> Path:
    """Return the file that a table names: as it says, else by its name in the audio folder."""
    path = resolve(text, audio_dir)
    return path if path.is_file() else audio_dir / ntpath.basename(text)


def _audio_of_table(table: Path, audio_dir: Path) -> Path:
    files = _named_like(table, audio_dir)
    if len(files) > 1:
        names = ", ".join(path.name for path in files)
        raise DataError(f"{table.name}: may belong to {names}; rename the table or move the other files away")
    return files[0] if files else audio_dir / f"{table.name.split('.')[0]}.wav"


def _named_like(table: Path, audio_dir: Path) -> list[Path]:
    """Return the audio that a table's name begins with, the longest such name first tried.

    ``night1.Table.1.selections.txt`` belongs to ``night1.wav``.
    """
    stem = table.name.rpartition(".")[0]
    while stem:
        files = sorted(path for path in audio_dir.glob(f"{_escaped(stem)}.*") if path.stem == stem and is_audio(path))
        if files:
            return files
        stem = stem.rpartition(".")[0]
    return []


def _escaped(stem: str) -> str:
    return "".join(f"[{character}]" if character in "*?[" else character for character in stem)
