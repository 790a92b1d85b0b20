"""Species of the sound hub: a bucket with one folder of recordings for each species.

``soundhub:coyote,bullfrog`` takes the folder ``data`` of each species, ``soundhub/data_5s:coyote,bullfrog`` the cuts of
5 s that Perch is made for. Where the folders lie is the setting `species_audio_url`.
"""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING

from earmark.core.errors import ConfigError, DataError
from earmark.core.files import read_json, write_json
from earmark.core.progress import SILENT
from earmark.core.settings import settings
from earmark.data.annotations import Annotation, Recording, recording_clips
from earmark.data.clip import Clip
from earmark.data.dataset import Dataset
from earmark.data.grouping import group_of, group_rule
from earmark.data.paths import is_audio, walk_visible
from earmark.data.storage import copy_folder
from earmark.data.storage_client import ObjectStore
from earmark.data.storage_sync import StorageCopy

if TYPE_CHECKING:
    from collections.abc import Collection

    from earmark.core.progress import Progress
    from earmark.data.options import LoadOptions

NAME = "soundhub"
DEFAULT_FOLDER = "data"
_SOURCE = re.compile(rf"{NAME}(?:/(?P<folder>[^:/]+))?:(?P<species>.*)")
_SPECIES = re.compile(r"\w[\w .'-]*")
# catalogue numbers of xeno-canto, the Macaulay Library, iNaturalist and Freesound; the time of an autonomous recorder
_EVERYWHERE = (
    re.compile(r"(?P<recording>(?:XC|ML|iNat|freesound[_-]?)\d{3,})(?!\d)", flags=re.IGNORECASE),
    re.compile(r"(?P<recording>(?:.*?[_-])?\d{8}[_T-]\d{6})(?!\d)"),
)
_CUT = re.compile(
    r"(?P<recording>.*[^_. -])[_. -]+"
    r"(?:(?:seg|segment|part|chunk|clip|cut|slice|win|window)[_-]?\d+"  # _seg3, _part_2
    r"|\d+(?:\.\d+)?s?[_-]\d+(?:\.\d+)?s"  # _10_15s, _10.0s-15.0s
    r"|\d+\.\d+[_-]\d+\.\d+)",  # _10.0_15.0
    flags=re.IGNORECASE,
)


def is_soundhub(source: str) -> bool:
    """Return whether a source names species of the sound hub."""
    return source == NAME or source.startswith((f"{NAME}:", f"{NAME}/"))


def load_soundhub(source: str, options: LoadOptions, progress: Progress = SILENT) -> Dataset:
    """Return the recordings of species, labelled with the species.

    A clip's group is `options.group_by` where that is given, else the recording that its name speaks of, else the
    file. Cuts belong to the recording in the folder ``data`` that their name begins with.

    Raises:
        ConfigError: The source is misspelt, or a setting that the address needs is not set.
        DataError: A species has no recordings.
        MissingExtraError: The extra "cloud" is not installed.
        StoreError: Storage refuses or cannot be reached, or the cache cannot be written.
    """
    folder, species = _parse(source)
    rule = group_rule(options.group_by, None) if options.group_by is not None else None
    recordings = []
    for name in species:
        address = species_address(name, folder)
        store = ObjectStore(address)
        copy = StorageCopy(store, address)
        root = copy_folder(store, copy, options, progress)
        whole = _whole_recordings(name, folder, copy) if rule is None else set()
        recordings += _recordings(name, root, rule, whole)
    if rule is None:
        n_groups = len({recording.group for recording in recordings})
        progress.note(f"{n_groups} groups of {len(recordings)} files, by the recordings that file names speak of")
    if options.window_s is not None:
        clips = recording_clips(recordings, options)
    else:
        clips = [Clip(item.id, item.path, (item.annotations[0].label,), item.group) for item in recordings]
    dataset = Dataset.of(NAME, clips, task=options.task)
    return replace(dataset, source=species_address("{" + ",".join(species) + "}", folder))


def species_address(species: str, folder: str = DEFAULT_FOLDER) -> str:
    """Return where the recordings of a species lie, by the setting `species_audio_url`.

    Raises:
        ConfigError: The address has a bucket to fill in and none is set, or no place for another folder.
    """
    template = settings().species_audio_url
    bucket = settings().gcs_bucket_name
    if "{bucket}" in template and not bucket:
        raise ConfigError(f"{NAME}: no bucket is set; name it with GCS_BUCKET_NAME (docs/storage.md)")
    if "{folder}" not in template and folder != DEFAULT_FOLDER:
        raise ConfigError(f'{NAME}/{folder}: EARMARK_SPECIES_AUDIO_URL has no "{{folder}}" to put it in; add it')
    return template.format(bucket=bucket, species=species, folder=folder)


def recording_of(species: str, name: str, whole: Collection[str] = ()) -> str:
    """Return the recording that a file comes from, as far as its name tells, else the file itself.

    Catalogue numbers and times of recorders name a recording wherever it stands; other names only within a species.

    Args:
        species: The species.
        name: The file, below the folder of the species.
        whole: Names of whole recordings without suffix; a file whose name begins with one is a cut of it.

    Example:
        >>> recording_of("coyote", "XC12345_seg3.wav"), recording_of("coyote", "howl_part2.wav")
        ('XC12345', 'coyote/howl')
        >>> recording_of("coyote", "coyote_017.wav"), recording_of("coyote", "den_3_1.wav", {"den_3"})
        ('coyote/coyote_017', 'coyote/den_3')
    """
    path = PurePosixPath(name)
    ends = (end for end in range(len(path.stem), 0, -1) if not path.stem[end : end + 1].isalnum())
    stem = next((path.stem[:end] for end in ends if path.stem[:end] in whole), path.stem)
    for pattern in _EVERYWHERE:
        if found := pattern.match(stem):
            return found["recording"].upper()
    cut = _CUT.fullmatch(stem)
    return f"{species}/{path.with_name(cut['recording'] if cut else stem)}"


def _whole_recordings(species: str, folder: str, copy: StorageCopy) -> set[str]:
    """Return the names of the recordings that the cuts in a folder may come from, kept for work without network."""
    if folder == DEFAULT_FOLDER:
        return set()
    kept = copy.folder / "recordings.json"
    if copy.is_offline:
        return set(read_json(kept))
    found = ObjectStore(species_address(species)).list_objects()
    stems = {PurePosixPath(item.path).stem for item in found if is_audio(Path(item.path))}
    write_json(kept, sorted(stems))
    return stems


def _parse(source: str) -> tuple[str, list[str]]:
    found = _SOURCE.fullmatch(source)
    species = [name.strip() for name in found["species"].split(",")] if found else []
    if found is None or not all(map(_SPECIES.fullmatch, species)):
        raise ConfigError(
            f'"{source}": expected species with commas between them, such as {NAME}:coyote,bullfrog or '
            f"{NAME}/data_5s:coyote,bullfrog"
        )
    repeated = next((name for name in species if species.count(name) > 1), None)
    if repeated is not None:
        raise ConfigError(f'"{source}": the species {repeated} stands twice')
    return found["folder"] or DEFAULT_FOLDER, species


def _recordings(species: str, root: Path, rule: str | None, whole: Collection[str]) -> list[Recording]:
    found = []
    for parent, names in walk_visible(root):
        for path in (parent / name for name in names):
            if not is_audio(path):
                continue
            name = path.relative_to(root).as_posix()
            identifier = f"{species}/{name}"
            group = recording_of(species, name, whole) if rule is None else group_of(rule, identifier, path)
            annotation = Annotation(species, 0.0, float("inf"), where=identifier)
            found.append(Recording(identifier, path, group, (annotation,)))
    if not found:
        raise DataError(f"{root}: holds no audio of {species}")
    return found
