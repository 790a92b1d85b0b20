"""Send files that swell when they are decoded to a service in this process; print how much memory that took.

Run as a script by `test_memory.py`, so that nothing else counts: `python bombs.py STATE_DIR FILE...`.
"""

from __future__ import annotations

import json
import resource
import sys
from pathlib import Path

from earmark.service.options import ServeOptions
from tests.service.serving import asked, encoded, tone


def peak_mb() -> float:
    """Return the most memory that this process ever had."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def main(state_dir: str, paths: list[str]) -> None:
    options = ServeOptions(state_dir=state_dir, reload_s=0, timeout_s=600)
    with asked(options) as client:
        usual = encoded(tone(60), "FLAC")
        for path in ("/v1/classify", "/v1/distortion"):  # an honest sound is the measure
            client.post(path, files={"file": usual})
        before, answers = peak_mb(), {}
        for file in map(Path, paths):
            for path in ("/v1/classify", "/v1/distortion"):
                response = client.post(path, files={"file": (file.name, file.read_bytes())})
                answers[f"{path} {file.name}"] = [response.status_code, response.json().get("detail", "")]
        print(json.dumps({"before_mb": before, "after_mb": peak_mb(), "answers": answers}))  # noqa: T201


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2:])
