"""Listen to a stream: find speech, answer for it, keep up. `Listener` is the part without threads, clocks and cards."""

from earmark.inference.live.emission import Emission, Status
from earmark.inference.live.judge import Judge, load_judge
from earmark.inference.live.listener import Listener
from earmark.inference.live.options import ListenOptions
from earmark.inference.live.session import Audience, Session, Terms
from earmark.inference.live.sources import FileSource, PcmSource, Source

__all__ = [
    "Audience",
    "Emission",
    "FileSource",
    "Judge",
    "ListenOptions",
    "Listener",
    "PcmSource",
    "Session",
    "Source",
    "Status",
    "Terms",
    "load_judge",
]
