"""A folder for each class, with the audio anywhere below it.

``root/dog/a.wav`` is a clip with the label "dog". ``root/train/dog/a.wav`` is one of the fold "train": folders that are
all named like splits are not classes.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from earmark.core.errors import DataError
from earmark.core.progress import SILENT
from earmark.data.annotations import Annotation, Recording, recording_clips
from earmark.data.clip import Clip
from earmark.data.dataset import Dataset
from earmark.data.grouping import group_of, group_rule
from earmark.data.paths import is_audio, walk_visible

if TYPE_CHECKING:
    from earmark.core.progress import Progress
    from earmark.data.options import LoadOptions

SPLIT_NAMES = frozenset({"train", "training", "test", "testing", "eval", "val", "valid", "validation", "dev"})


def load_folders(root: Path, options: LoadOptions, progress: Progress = SILENT) -> Dataset:
    """Return the dataset of a folder per class; a folder without audio is no class.

    Raises:
        DataError: There is no audio below the folders, or audio lies beside them without a class.
    """
    recordings: list[Recording] = []
    rule = group_rule(options.group_by, None)
    for fold, label, folder in _class_folders(root):
        files = _audio_below(folder)
        if not files:
            progress.note(f'folder "{folder.name}" has no audio and is no class')
        for path in files:
            name = path.relative_to(root).as_posix()
            annotation = Annotation(label, 0.0, float("inf"), where=name)
            recordings.append(Recording(name, path, group_of(rule, name, path), (annotation,), fold))
    if not recordings:
        raise DataError(
            f"{root}: no audio in class folders; expected clips.csv, or one folder for each class such as "
            f"{root.name}/dog/a.wav"
        )
    if options.window_s is not None:
        clips = recording_clips(recordings, options)
    else:
        clips = [Clip(r.id, r.path, (r.annotations[0].label,), r.group, fold=r.fold) for r in recordings]
    return Dataset.of(root.resolve().name, clips, task=options.task)


def _class_folders(root: Path) -> list[tuple[str | None, str, Path]]:
    """Return (fold, label, folder) for each class folder."""
    folders = _folders(root)
    loose = [path for path in sorted(root.iterdir()) if path.is_file() and is_audio(path)]
    if folders and {folder.name.lower() for folder in folders} <= SPLIT_NAMES:
        return [(split.name, folder.name, folder) for split in folders for folder in _folders(split)]
    if loose:
        others = f" (and {len(loose) - 1} more)" if len(loose) > 1 else ""
        raise DataError(
            f"{loose[0]}: audio without a class{others}; move it into a folder named after its label, or list the "
            "clips in clips.csv"
        )
    return [(None, folder.name, folder) for folder in folders]


def _folders(root: Path) -> list[Path]:
    return sorted(path for path in root.iterdir() if path.is_dir() and not path.name.startswith("."))


def _audio_below(folder: Path) -> list[Path]:
    return sorted(parent / name for parent, names in walk_visible(folder) for name in names if is_audio(Path(name)))
