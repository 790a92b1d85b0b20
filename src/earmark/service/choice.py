"""Which model answers a request, and by when."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated

from fastapi import Query

from earmark.service.classifying import Clock
from earmark.service.problems import Problem
from earmark.service.requests import told_of
from earmark.service.state import service_of

if TYPE_CHECKING:
    from fastapi import Request

    from earmark.service.auth import Caller
    from earmark.service.host import ModelHost
    from earmark.service.requests import Told
    from earmark.service.served import Served
    from earmark.service.state import Service

LONGEST_NAME = 200

ModelQuery = Annotated[
    str | None,
    Query(
        min_length=1,
        max_length=LONGEST_NAME,
        description="Name of the model; by default the first that answers such requests.",
    ),
]


@dataclass(frozen=True)
class Asked:
    """A request to a model.

    Attributes:
        service: That it came to.
        served: What answers it, to its end.
        told: What the log is going to say of it.
        asked_s: When it came, of `time.perf_counter`.
    """

    service: Service
    served: Served
    told: Told
    asked_s: float

    def clock(self) -> Clock:
        """Return the time that is left once the sound has arrived; the answer's own timing begins here."""
        now_s = time.perf_counter()
        return Clock(now_s, self.service.options.timeout_s - (now_s - self.asked_s))


def asked_of(request: Request, caller: Caller, model: str | None, *, tells_distortion: bool) -> Asked:
    """Return the model that a request is for, and tell the log of both.

    Raises:
        Problem: As `choose`.
    """
    service, told, asked_s = service_of(request), told_of(request), time.perf_counter()
    told.caller = caller.name
    served = choose(service.models, model, tells_distortion=tells_distortion)
    told.model = served.name
    return Asked(service, served, told, asked_s)


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
