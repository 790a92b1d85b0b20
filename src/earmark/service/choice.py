"""Which model answers a request."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

from fastapi import Query

from earmark.service.problems import Problem

if TYPE_CHECKING:
    from earmark.service.host import ModelHost
    from earmark.service.served import Served

LONGEST_NAME = 200

ModelQuery = Annotated[
    str | None,
    Query(
        min_length=1,
        max_length=LONGEST_NAME,
        description="Name of the model; by default the first that answers such requests.",
    ),
]


def choose(models: ModelHost, name: str | None, *, tells_distortion: bool) -> Served:
    """Return the model of this name, or the first of its kind.

    Raises:
        Problem: 404: there is none. 422: it is of the other kind. 503: it is still being loaded.
    """
    if name is not None:
        served = models.get(name)
        if (served.validator is not None) is not tells_distortion:
            other = "/v1/classify" if tells_distortion else "/v1/distortion"
            raise Problem(422, "Wrong model", f'Model "{served.name}" does not answer this; send the sound to {other}.')
        return served
    for each in models.names():
        served = models.get(each)  # none that is still loading is passed over: the default would change under requests
        if (served.validator is not None) is tells_distortion:
            return served
    if not models.ready:
        raise Problem(503, "Not ready", "The models are not loaded yet; come back.", retry_after_s=1)
    raise Problem(404, "Unknown model", "No model is served that answers such requests.")
