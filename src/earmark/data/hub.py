"""Audio datasets of the Hugging Face hub, and their parquet files on this disk.

Each row holds an audio cell ``{bytes, path}`` and scalars. The audio is written once into the cache, byte for byte as
it was published, beside a clips.jsonl with the scalars; from there it is read like any manifest.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass, replace
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, Any

import numpy as np

from earmark.core.errors import DataError
from earmark.core.files import write_text
from earmark.core.identity import fingerprint
from earmark.core.optional import import_extra
from earmark.core.progress import SILENT
from earmark.core.settings import settings
from earmark.data.cache import building_folder
from earmark.data.folders import SPLIT_NAMES
from earmark.data.manifest import load_manifest
from earmark.data.paths import AUDIO_SUFFIXES

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from earmark.core.progress import Progress
    from earmark.data.dataset import Dataset
    from earmark.data.options import LoadOptions

HUB_PREFIX = "hf:"
HUB_MANIFEST = "clips.jsonl"
# datasets whose file names hold the group
GROUP_PATTERNS = {"mteb/free-spoken-digit-dataset": r"\d_(?P<group>[a-z]+)_\d+"}
_MAGIC = ((b"RIFF", ".wav"), (b"fLaC", ".flac"), (b"OggS", ".ogg"), (b"ID3", ".mp3"), (b"FORM", ".aiff"))
_SHARD = re.compile(r"(?P<split>[A-Za-z_]+)-\d+-of-\d+")
_EXTRA = ("hub", "Reading Hugging Face datasets")


@dataclass(frozen=True)
class _Split:
    """One split: its name ("" where there is none), its rows, the names of its label numbers by column."""

    name: str
    rows: Iterable[Mapping[str, Any]]
    names: Mapping[str, list[str]]


def load_hub(source: str, options: LoadOptions, progress: Progress = SILENT) -> Dataset:
    """Return the dataset ``hf:owner/name`` or ``hf:owner/name:split``; several splits become folds.

    Raises:
        DataError: The name is not of that form, the hub does not have it, or it holds no audio.
        MissingExtraError: The package "datasets" is not installed.
        StoreError: The cache is not writable.
    """
    name, _, split = source.removeprefix(HUB_PREFIX).partition(":")
    if not re.fullmatch(r"[\w.-]+/[\w.-]+", name):
        raise DataError(f'"{source}": expected {HUB_PREFIX}owner/name or {HUB_PREFIX}owner/name:split')
    folder = settings().cache_dir / "hub" / (name.replace("/", "--") + (f"--{split}" if split else ""))
    if not (folder / HUB_MANIFEST).is_file():
        if settings().offline:
            raise DataError(f"{source}: is not in {folder}, and EARMARK_OFFLINE forbids to fetch it")
        _store(folder, _hub_splits(name, split), progress)
    dataset = load_manifest(folder / HUB_MANIFEST, _grouped(name, folder, options), progress)
    return replace(dataset, name=name.partition("/")[2], source=source)


def load_parquet(source: Path, options: LoadOptions, progress: Progress = SILENT) -> Dataset:
    """Return the dataset of a parquet file, or of the parquet files below a folder.

    Raises:
        DataError: A file is damaged or holds no audio.
        MissingExtraError: The package "pyarrow" is not installed.
    """
    files = sorted(source.rglob("*.parquet")) if source.is_dir() else [source]
    facts = [[str(file.resolve()), file.stat().st_size, file.stat().st_mtime_ns] for file in files]
    folder = settings().cache_dir / "parquet" / fingerprint(facts)
    if not (folder / HUB_MANIFEST).is_file():
        _store(folder, [_parquet_split(file) for file in files], progress)
    dataset = load_manifest(folder / HUB_MANIFEST, options, progress)
    return replace(dataset, name=source.resolve().stem)


def _grouped(name: str, folder: Path, options: LoadOptions) -> LoadOptions:
    """Return the options with the pattern that is known for a dataset, if its files really have such names."""
    pattern = GROUP_PATTERNS.get(name)
    if pattern is None or options.group_by is not None:
        return options
    files = [path.name for path in folder.rglob("*") if path.suffix in AUDIO_SUFFIXES]
    return replace(options, group_by=pattern) if all(re.search(pattern, file) for file in files) else options


def _hub_splits(name: str, split: str) -> list[_Split]:
    datasets = import_extra("datasets", *_EXTRA)
    try:
        loaded = datasets.load_dataset(name, split=split or None)
        parts = {split: loaded} if split else dict(loaded)
        found = []
        for part, rows in parts.items():
            audio = _audio_column({key: type(feature).__name__ for key, feature in rows.features.items()}, name)
            names = {key: list(feature.names) for key, feature in rows.features.items() if hasattr(feature, "names")}
            found.append(_Split(part, rows.cast_column(audio, datasets.Audio(decode=False)), names))
    except DataError:
        raise
    except Exception as error:  # the package raises anything from OSError to its own errors
        reason = str(error).partition("\n")[0]
        raise DataError(
            f"{HUB_PREFIX}{name}: cannot be fetched from the Hugging Face hub ({type(error).__name__}: {reason}); "
            "check the name, the split and the network"
        ) from error
    return found


def _audio_column(kinds: Mapping[str, str], where: str) -> str:
    column = next((key for key, kind in kinds.items() if kind == "Audio"), None)
    if column is None:
        raise DataError(f"{where}: no audio column among {', '.join(kinds)}; expected a feature of type Audio")
    return column


def _parquet_split(file: Path) -> _Split:
    parquet = import_extra("pyarrow.parquet", *_EXTRA)
    try:
        content = parquet.ParquetFile(file)
        metadata = (content.schema_arrow.metadata or {}).get(b"huggingface", b"{}")
        features = json.loads(metadata).get("info", {}).get("features", {})
    except (OSError, ValueError) as error:  # pyarrow's own errors are ValueErrors
        raise DataError(f"{file}: is not a whole parquet file ({error})") from error
    names = {key: feature["names"] for key, feature in features.items() if "names" in feature}
    shard = _SHARD.match(file.name)
    folder = file.parent.name if file.parent.name.lower() in SPLIT_NAMES else ""
    return _Split(shard["split"] if shard else folder, _parquet_rows(content), names)


def _parquet_rows(content: Any) -> Iterator[dict[str, Any]]:
    for batch in content.iter_batches(batch_size=64):
        yield from batch.to_pylist()


def _store(folder: Path, splits: list[_Split], progress: Progress) -> None:
    """Write the audio of all splits and their manifest into the cache, whole or not at all."""
    lines: list[str] = []
    several = len({split.name for split in splits}) > 1
    with building_folder(folder, HUB_MANIFEST) as building:
        for split in splits:
            progress.start(f"store {split.name or folder.name}", 0)
            for row in split.rows:
                cells = _stored(row, split, building, len(lines))
                if several:
                    cells.setdefault("fold", split.name)
                lines.append(json.dumps(cells, ensure_ascii=False))
                progress.advance()
        write_text(building / HUB_MANIFEST, "\n".join(lines) + "\n")


def _stored(row: Mapping[str, Any], split: _Split, building: Path, number: int) -> dict[str, Any]:
    """Write the audio of one row and return its manifest cells."""
    where = f"{split.name or 'row'}[{number}]"
    column = next((key for key, value in row.items() if _is_audio_cell(value)), None)
    if column is None:
        raise DataError(f"{where}: no audio among the columns {', '.join(row)}; expected a cell with bytes and a path")
    path = _write_audio_cell(row[column], building / (split.name or "clips") / f"{number:06d}", where)
    cells: dict[str, Any] = {"path": path.relative_to(building).as_posix()}
    for key, value in row.items():
        if key not in {column, "path"} and isinstance(value, (str, int, float, list)):
            cells[key] = _named(value, split.names.get(key))
    return cells


def _is_audio_cell(value: Any) -> bool:
    return isinstance(value, dict) and ("bytes" in value or "array" in value)


def _named(value: Any, names: list[str] | None) -> Any:
    if names is None:
        return value
    if isinstance(value, list):
        return [_named(item, names) for item in value]
    return names[value] if 0 <= value < len(names) else ""  # the hub marks clips without label with -1


def _write_audio_cell(cell: Mapping[str, Any], stem: Path, where: str) -> Path:
    """Write one audio cell and return its file: published bytes as they are, decoded samples as WAV."""
    published = PurePosixPath(str(cell.get("path") or "").replace("\\", "/"))
    stem = stem.with_name(f"{stem.name}_{published.stem}") if published.stem else stem
    stem.parent.mkdir(parents=True, exist_ok=True)
    if cell.get("array") is not None:
        from earmark.audio import write_audio
        from earmark.audio.waveform import Waveform

        samples = np.atleast_2d(np.asarray(cell["array"], dtype=np.float32))
        path = stem.with_name(stem.name + ".wav")
        write_audio(path, Waveform(samples, int(cell["sampling_rate"])))
        return path
    content = cell.get("bytes")
    if content is None and Path(published).is_file():
        content = Path(published).read_bytes()
    if not content:
        raise DataError(f'{where}: the audio cell is empty (no bytes, and no file "{published}")')
    path = stem.with_name(stem.name + _suffix(content, published, where))
    path.write_bytes(content)
    return path


def _suffix(content: bytes, published: PurePosixPath, where: str) -> str:
    for magic, suffix in _MAGIC:
        if content.startswith(magic):
            return suffix
    if content[4:8] == b"ftyp":
        return ".m4a"
    if published.suffix.lower() in AUDIO_SUFFIXES:
        return published.suffix.lower()
    if len(content) > 1 and content[0] == 0xFF and content[1] & 0xE0 == 0xE0:
        return ".mp3"
    raise DataError(f'{where}: the audio cell "{published}" begins with {content[:8]!r}, which is no known audio file')
