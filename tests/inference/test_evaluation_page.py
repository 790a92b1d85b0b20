"""The page of a measured bundle says how good, how measured, and what flatters it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest

from earmark.evaluation import headline, summarize
from earmark.inference.evaluation import Evaluation
from earmark.inference.evaluation_page import evaluation_page
from earmark.models import load_bundle

if TYPE_CHECKING:
    from earmark.data.dataset import Task


def found(task: Task, **changes: object) -> Evaluation:
    rng = np.random.default_rng(0)
    targets = np.eye(3, dtype=np.float32)[np.arange(60) % 3]
    probabilities = rng.dirichlet(np.ones(3), size=60).astype(np.float32)
    labels = ("<a>", "b", "c")
    facts = {
        "labels": labels,
        "targets": targets,
        "probabilities": probabilities,
        "summary": summarize(targets, probabilities, task=task, labels=labels),
        "primary": headline(targets, probabilities, np.repeat(["x", "y"], 30), rng, task=task),
        "n_groups": 6,
        "share_accepted": 0.5,
        "seen_groups": (),
        "failures": (),
    }
    return Evaluation(**(facts | changes))  # type: ignore[arg-type]


@pytest.mark.parametrize(("task", "n_pictures"), [("one", 3), ("many", 2)])
def test_page_shows_every_picture_and_escapes_labels(task: Task, n_pictures: int) -> None:
    spec = load_bundle("digits").spec.model_copy(update={"task": task})
    page = evaluation_page(found(task), spec, "my clips")
    assert page.count("<figure") == n_pictures
    assert "digits on my clips" in page
    assert "&lt;a&gt;" in page
    assert "<a>" not in page
    assert "flatter" not in page


def test_page_says_what_flatters_and_what_failed() -> None:
    page = evaluation_page(
        found("one", seen_groups=("george",), failures=("x.wav: is silent",)), load_bundle("digits").spec, "fsdd"
    )
    assert "trained on groups of this dataset" in page
    assert "george" in page
    assert "1 clips could not be classified" in page
    assert "x.wav: is silent" in page
