"""The rival of `benchmarks.serve_load`: a bundle behind the endpoint that one writes first, without a queue.

BUNDLE=digits uvicorn benchmarks.plain_endpoint:app
"""

from __future__ import annotations

import os
import shutil
import tempfile
from dataclasses import asdict
from pathlib import Path
from typing import Any

from fastapi import FastAPI, UploadFile

from earmark.inference import Predictor

app = FastAPI()
predictor = Predictor.load(os.environ["BUNDLE"])


@app.post("/v1/classify")
def classify(file: UploadFile) -> dict[str, Any]:
    """Classify a file; FastAPI runs this in one of its forty threads."""
    with tempfile.NamedTemporaryFile(suffix=Path(file.filename or "").suffix) as copy:
        shutil.copyfileobj(file.file, copy)
        copy.flush()
        return asdict(predictor.predict_file(Path(copy.name)))
