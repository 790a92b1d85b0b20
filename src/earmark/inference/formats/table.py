"""The formats of events by name: the one place where they are listed."""

from __future__ import annotations

from earmark.core.errors import ConfigError, did_you_mean
from earmark.inference.formats.audacity import is_audacity, open_audacity, read_audacity
from earmark.inference.formats.base import Format
from earmark.inference.formats.csv_table import is_csv, open_csv, read_csv
from earmark.inference.formats.json_document import is_json, open_json, read_json_events
from earmark.inference.formats.kaleidoscope import is_kaleidoscope, open_kaleidoscope, read_kaleidoscope
from earmark.inference.formats.parquet import is_parquet, open_parquet, read_parquet
from earmark.inference.formats.raven import is_raven, open_raven, read_raven

# In the order in which a folder that holds several is read: what says most comes first.
FORMATS: dict[str, Format] = {
    "json": Format(".json", open_json, read_json_events, is_json),
    "parquet": Format(".parquet", open_parquet, read_parquet, is_parquet),
    "csv": Format(".csv", open_csv, read_csv, is_csv),
    "raven": Format(".raven.txt", open_raven, read_raven, is_raven),
    "kaleidoscope": Format(".kaleidoscope.csv", open_kaleidoscope, read_kaleidoscope, is_kaleidoscope),
    "audacity": Format(".audacity.txt", open_audacity, read_audacity, is_audacity, one_recording=True),
}


def format_named(name: str) -> Format:
    """Return a format by its name.

    Raises:
        ConfigError: There is none of that name.
    """
    if name not in FORMATS:
        raise ConfigError(f'format "{name}" is not known{did_you_mean(name, FORMATS)}')
    return FORMATS[name]
