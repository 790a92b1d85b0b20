"""Print the tables of the model card `docs/distortion-model.md` from a bundle and the tracks it was made of.

python -m scripts.distortion_card src/earmark/bundles/distortion TRACKS
"""

from __future__ import annotations

import json
import re
import sys
from collections import defaultdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

from earmark.distortion.corpus.tracks import read_tracks
from earmark.distortion.severity import KINDS

if TYPE_CHECKING:
    from collections.abc import Iterator

    from earmark.distortion.corpus.tracks import Track

    Scorecards = dict[str, dict[str, dict[str, Any]]]

NEEDED = {
    "binary F1 on grid": "0.96",
    "macro-F1 on grid": "0.96",
    "binary F1 off grid": "0.94",
    "macro-F1 off grid": "0.93",
    **{f"recall {kind} from 0.3, off grid": "> 0.95" for kind in KINDS},
    "false alarms clean": "≤ 0.03",
    "false alarms hard": "≤ 0.08",
    "severity MAE on grid, all types": "≤ 0.04",
    **{f"severity MAE {kind} off grid": "≤ 0.08" for kind in KINDS},
    "two at once on grid, micro-F1": "0.95",
    "two at once on grid, exact match": "0.85",
}


def scorecards_of(bundle: Path) -> Scorecards:
    """Return the figures of a bundle by scorecard and name."""
    content = json.loads((bundle / "bundle.json").read_text(encoding="utf-8"))
    return {
        name: {figure["name"]: figure for figure in figures}
        for name, figures in content["metrics"]["scorecards"].items()
    }


def figure_rows(cards: Scorecards) -> Iterator[str]:
    """Yield the table of figures: the test over seeds, new tracks of known sources, folds of sources."""
    tests = [card for name, card in sorted(cards.items()) if re.match(r"test, seed \d+$", name)]
    same = next((card for name, card in sorted(cards.items()) if name.startswith("same, seed")), {})
    folds = next((card for name, card in cards.items() if name.endswith("folds of sources")), {})
    columns = "test: mean of the seeds [interval of the first] | new tracks of sources trained on | folds of sources"
    yield f"| figure | {columns} | goal |"
    yield "|---|---|---|---|---|"
    for name, first in tests[0].items():
        mean = sum(card[name]["value"] for card in tests) / len(tests)
        others = [f"{card[name]['value']:.3f}" if name in card else "" for card in (same, folds)]
        goal = NEEDED.get(name, "")
        yield f"| {name} | {mean:.3f} [{first['low']:.3f}, {first['high']:.3f}] | {' | '.join(others)} | {goal} |"


def source_rows(tracks: list[Track]) -> Iterator[str]:
    """Yield the table of sources."""
    by_source: dict[str, list[Track]] = defaultdict(list)
    for track in tracks:
        by_source[track.source.split("+")[0]].append(track)
    yield "| source | role | kind | tracks | sound | licence |"
    yield "|---|---|---|---|---|---|"
    roles = ["pool", "calibrate", "test", "wild"]
    for source, of_source in sorted(by_source.items(), key=lambda item: roles.index(item[1][0].role)):
        first = of_source[0]
        voices = sorted({track.source.partition("+")[2] for track in of_source} - {""})
        kind = f"{first.kind} on {', '.join(voices)}" if voices and first.kind in ("midi", "loops") else first.kind
        rates = [track.kbps for track in of_source if not track.lossless]
        sound = "lossless"
        if rates:
            span = (
                f"{min(rates):.0f}"
                if round(min(rates)) == round(max(rates))
                else f"{min(rates):.0f} to {max(rates):.0f}"
            )
            sound = f"{first.codec.capitalize() if first.codec != 'mp3' else 'MP3'} {span} kb/s"
        yield f"| `{source}` | {first.role} | {kind} | {len(of_source)} | {sound} | {first.licence} |"


def main() -> None:
    """Print both tables."""
    bundle, folder = (Path(argument) for argument in sys.argv[1:3])
    cards = scorecards_of(bundle)
    print("\n".join(figure_rows(cards)))
    for name, card in sorted(cards.items()):
        if name.startswith("wild"):
            print(f"\n{name}:", {key: round(figure["value"], 3) for key, figure in card.items()})
    tracks = read_tracks(folder)
    print(f"\n{len(tracks)} tracks, {sum(track.duration_s for track in tracks) / 3600:.1f} hours\n")
    print("\n".join(source_rows(tracks)))


if __name__ == "__main__":
    main()
