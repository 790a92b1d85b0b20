"""The models that are served: loaded in the background, looked at for changes, replaced while requests go on.

A changed bundle is loaded beside the one that serves, tried out, and takes its place in one step. Requests hold the
version that they began with, and the last one to end frees it. A new version that cannot be loaded changes nothing.
"""

from __future__ import annotations

import asyncio
import logging
from contextlib import suppress
from typing import TYPE_CHECKING

import threadpoolctl
from prometheus_client import Counter

from earmark.core.errors import BundleError, ConfigError, EarmarkError, did_you_mean
from earmark.models.top_scores import reference_counts
from earmark.service.batching import Batcher
from earmark.service.problems import Problem
from earmark.service.served import Classified, Served, version_of
from earmark.service.sources import source_of

if TYPE_CHECKING:
    from earmark.service.monitoring.metrics import Monitor
    from earmark.service.options import ServeOptions
    from earmark.service.sources import Mark, Source

__all__ = ["Classified", "ModelHost", "Served"]

RETRY_S = 5.0  # until a bundle that could not be loaded at the start is tried again, and what clients are told
log = logging.getLogger(__name__)


class _Place:
    """Where one of the served bundles comes from, and what serves of it now."""

    def __init__(self, model: str) -> None:
        self.source: Source = source_of(model)
        self.name = self.source.name  # None while that is not known
        self.model = model
        self.batcher: Batcher | None = None
        self.served: Served | None = None
        self.seen: Mark | None = None  # the state of the source that was tried last
        self.fault = ""


class ModelHost:
    """The models of a service.

    Args:
        options: Says which, and how.
        monitor: Told of batches, queues and versions.

    Raises:
        BundleError: A bundle of this machine does not exist or is damaged.
        ConfigError: Two bundles have the same name.
        DataError: An address is of no known kind.
        MissingExtraError: A bundle lies in storage, and the extra "cloud" is not installed.
    """

    def __init__(self, options: ServeOptions, monitor: Monitor) -> None:
        self._options, self._monitor = options, monitor
        self._places = [_Place(model) for model in options.models]
        names = [place.name for place in self._places if place.name is not None]
        for place in self._places:
            if names.count(place.name or "") > 1:
                raise ConfigError(
                    f'models: found two bundles of the name "{place.name}" ({place.model}); rename one: train it with '
                    "another --name"
                )
        self._loads = Counter(
            "earmark_model_loads",
            "Bundles that were loaded, by outcome: loaded, failed",
            ("model", "outcome"),
            registry=monitor.registry,
        )
        self._tried = asyncio.Event()
        self._looking = asyncio.Lock()
        self._keeper: asyncio.Task[None] | None = None
        self._limits: threadpoolctl.threadpool_limits | None = None

    @property
    def ready(self) -> bool:
        """Whether every model serves."""
        return all(place.served is not None for place in self._places)

    @property
    def reason(self) -> str:
        """Why it is not ready, without anything that a stranger may not see; empty where it is."""
        missing = [place for place in self._places if place.served is None]
        failed = [place for place in missing if place.fault]
        if failed:
            named = ", ".join(sorted(place.name for place in failed if place.name)) or "from storage"
            return f"{len(failed)} of {len(self._places)} models cannot be loaded ({named}); the log says why"
        return f"{len(missing)} of {len(self._places)} models are being loaded" if missing else ""

    def names(self) -> tuple[str, ...]:
        """Return the names of the models, in the order of the options; those that are not known yet are left out."""
        return tuple(place.name for place in self._places if place.name is not None)

    def get(self, name: str | None) -> Served:
        """Return what serves of a model now; None is the first of the options.

        Raises:
            Problem: 404: there is none of this name. 503: it is still being loaded.
        """
        if name is None:
            place: _Place | None = self._places[0]
        else:
            place = next((each for each in self._places if each.name == name), None)
        if place is not None and place.served is not None:
            return place.served
        if place is None and all(each.name is not None for each in self._places):
            known = self.names()
            hint = did_you_mean(str(name), known) or f"; there are {', '.join(known)}"
            raise Problem(404, "Unknown model", f"No model of this name is served{hint}")
        raise Problem(503, "Not ready", "The model is not loaded yet; come back.", retry_after_s=RETRY_S)

    async def start(self) -> None:
        """Begin to load the models in a thread; returns at once."""
        self._keeper = asyncio.create_task(self._keep(), name="models")

    async def tried(self) -> None:
        """Wait until each model was loaded, or could not be."""
        await self._tried.wait()

    async def stop(self) -> None:
        """Finish what is queued, and end the threads."""
        if self._keeper is not None:
            self._keeper.cancel()
            with suppress(asyncio.CancelledError):
                await self._keeper
        if self._limits is not None:
            self._limits.restore_original_limits()
        await asyncio.gather(*(place.batcher.close() for place in self._places if place.batcher is not None))

    async def look(self) -> None:
        """Look at each bundle now, and load those that changed or do not serve yet."""
        async with self._looking:
            for place in self._places:
                try:
                    served = await asyncio.to_thread(self._newer, place)
                except Exception as error:  # nothing that lies there may end the service
                    self._failed(place, error)
                else:
                    if served is not None:
                        self._take(place, served)

    async def _keep(self) -> None:
        while True:
            await self.look()
            if self._limits is None:  # after the libraries were imported: the threads are those of the batchers
                self._limits = threadpoolctl.threadpool_limits(1)
            self._tried.set()
            if self.ready and not self._options.reload_s:
                return
            await asyncio.sleep(self._options.reload_s or RETRY_S)

    def _newer(self, place: _Place) -> Served | None:
        """Return what there is now if it is not what was tried last. In a thread; changes only what it alone uses."""
        mark = place.source.mark()
        if mark == place.seen and place.served is not None:
            return None  # without anything that serves it is tried again: weights may be there now
        place.seen = mark
        bundle = place.source.fetch()
        name, old = bundle.spec.name, place.served
        if old is not None and version_of(bundle) == old.version:
            place.fault = ""
            return None
        taken = {each.name for each in self._places if each is not place}
        if name in taken or name != (place.name or name):
            found = (
                "another model has" if name in taken else f'a bundle of the name "{place.name}" was here before, found'
            )
            raise BundleError(
                f'{place.model}: {found} the name "{name}"; give each bundle a name of its own and keep it'
            )
        if place.batcher is None:
            place.batcher = Batcher(name, self._options, self._monitor)
        served = Served.open(bundle, place.batcher, self._options.max_batch)
        if place.source.mark() != mark:
            place.seen = None
            raise BundleError(f"{place.model}: changed while it was loaded; it is loaded again at the next look")
        return served

    def _take(self, place: _Place, served: Served) -> None:
        old = place.served.version if place.served else None
        place.name, place.served, place.fault = served.name, served, ""
        self._loads.labels(served.name, "loaded").inc()
        self._monitor.expect(served.name, served.version, reference_counts(served.bundle.spec.metrics))
        log.info(
            "model loaded",
            extra={"model": served.name, "version": served.version, "before": old, "n_at_once": served.n_at_once},
        )

    def _failed(self, place: _Place, error: Exception) -> None:
        fault = str(error) if isinstance(error, EarmarkError) else f"{type(error).__name__}: {error}"
        self._loads.labels(place.name or "unknown", "failed").inc()
        if fault != place.fault:  # once, not at each look
            goes_on = f"version {place.served.version} goes on" if place.served else "it is tried again"
            log.error("model cannot be loaded: %s; %s", fault, goes_on, extra={"model": place.name or place.model})
        place.fault = fault
