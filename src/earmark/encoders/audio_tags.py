"""What the encoders trained on AudioSet's tags share: windows, and the names of the 527 classes."""

from __future__ import annotations

import csv
from functools import lru_cache
from typing import TYPE_CHECKING, Annotated, Self

from pydantic import Field, model_validator

from earmark.core.errors import WeightsError
from earmark.encoders.base import EncoderOptions, OnnxEncoder
from earmark.encoders.weights import weights_path

if TYPE_CHECKING:
    from collections.abc import Callable

    import numpy as np
    from numpy.typing import NDArray

    from earmark.encoders.base import Output
    from earmark.encoders.session import OnnxGraph
    from earmark.features.base import FrontendSpec

N_CLASSES = 527
NAME_COLUMN = "display_name"
# One pass of the network over more frames than this is slower: its maps leave the processor's cache (mn04: 2.5 ms for
# one window of 10 s, 3.3 ms each for eight at once).
FRAMES_PER_PASS = 1000


class AudioTagOptions(EncoderOptions):
    """Options that every encoder of AudioSet's tags takes."""

    # The networks were trained on 10 s, with zeros behind shorter clips, but take any length.
    window_s: Annotated[float, Field(ge=0.5, le=60, description="Length of a window; zeros fill up a shorter clip")] = (
        10.0
    )
    # Half a window, so that a clip a little longer than one is not followed by a window of nothing but zeros.
    hop_s: Annotated[float, Field(gt=0, description="Step between windows of a longer clip")] = 5.0

    @model_validator(mode="after")
    def _check_together(self) -> Self:
        if not 0.01 <= self.hop_s <= self.window_s:
            raise ValueError(f"hop_s is {self.hop_s}, expected 0.01 to window_s ({self.window_s})")
        return self


class AudioTagEncoder(OnnxEncoder):
    """An encoder whose classes are AudioSet's; their names are read only where they are asked for.

    Args:
        spec: What it takes and gives.
        graph: Takes what `prepare` makes of windows.
        output: Which output the features are.
        prepare: From windows float32 (n_windows, n_samples) to the graph's input; must be picklable.
        embedding: Name of the graph's output that is the embedding.
    """

    def __init__(
        self,
        spec: FrontendSpec,
        graph: OnnxGraph,
        output: Output,
        *,
        prepare: Callable[[NDArray[np.float32]], NDArray[np.float32]],
        embedding: str = "embedding",
    ) -> None:
        batch = max(1, int(FRAMES_PER_PASS / (100 * spec.window_s)))  # frames every 10 ms
        names: dict[Output, str] = {"embedding": embedding}
        super().__init__(spec, graph, output, audio_tag_names, prepare=prepare, names=names, batch=batch)


@lru_cache(maxsize=1)
def audio_tag_names() -> tuple[str, ...]:
    """Return the names of AudioSet's 527 classes in the order of the networks' outputs.

    Raises:
        WeightsError: The list is missing, or is not the one.
    """
    path = weights_path("audioset_labels")
    try:
        with path.open(encoding="utf-8", newline="") as file:
            names = tuple(row.get(NAME_COLUMN) or "" for row in csv.DictReader(file))
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise WeightsError(f"{path}: cannot be read ({error}); delete it and fetch it again") from error
    if len(names) != N_CLASSES or not all(names):
        raise WeightsError(
            f'{path}: found {len(names)} rows, expected {N_CLASSES} with a column "{NAME_COLUMN}"; '
            "delete it and fetch it again"
        )
    return names
