"""Everything that is open while the service runs, in one place; a route gets it with `service_of(request)`."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, cast

from earmark.service.database import Database, database_url, state_folder
from earmark.service.feedback import SoundShelf
from earmark.service.host import ModelHost
from earmark.service.intake import Intake
from earmark.service.monitoring import Monitor, log_event
from earmark.service.traffic import Traffic

if TYPE_CHECKING:
    from fastapi.requests import HTTPConnection

    from earmark.service.options import ServeOptions


class Service:
    """The parts of a running service; made in its event loop.

    Attributes:
        options: What was chosen.
        monitor: Counts what happens.
        models: The bundles.
        intake: Decodes what is sent.
        traffic: The requests under way.
        streams: The live streams.
        database: Keys and feedback.
        keys: Who may ask.
        sounds: Where sounds are kept that were given with consent.

    Raises:
        BundleError: A bundle of this machine does not exist or is damaged.
        ConfigError: Two bundles have the same name, or the database's address is wrong.
        DataError: An address is of no known kind.
        MissingExtraError: An address needs an extra that is not installed.
    """

    def __init__(self, options: ServeOptions) -> None:
        from earmark.service.auth import KeyRing  # these two ask for `service_of`
        from earmark.service.live import Streams

        self.options = options
        self.monitor = Monitor()
        self.models = ModelHost(options, self.monitor)
        self.intake = Intake(options)
        self.traffic = Traffic(options)
        self.streams = Streams(options, self.monitor)
        self.database = Database(database_url(options.database, options.state_dir))
        self.keys = KeyRing(self.database, options)
        self.sounds = SoundShelf(state_folder(options.state_dir), options.audio_url)

    @property
    def is_draining(self) -> bool:
        """Whether the service is stopping."""
        return self.traffic.is_closed

    async def start(self) -> None:
        """Open the database and begin to load the models.

        Raises:
            StoreError: The database cannot be reached or written.
        """
        await asyncio.to_thread(self.database.open)
        await self.models.start()

    async def drain(self) -> None:
        """Take nothing new, say goodbye to streams, and let requests under way end within `drain_s`."""
        log_event("stopping", {"under_way": self.traffic.n_under_way, "streams": self.streams.n_open})
        ended, _ = await asyncio.gather(self.traffic.drained(self.options.drain_s), self.streams.drain())
        if not ended:
            log_event("given up", {"under_way": self.traffic.n_under_way})

    async def stop(self) -> None:
        """Close everything; requests under way should have ended."""
        await self.streams.drain()
        await self.models.stop()
        await self.intake.close()
        await self.keys.close()
        await asyncio.to_thread(self.database.close)


def service_of(connection: HTTPConnection) -> Service:
    """Return the service behind a request or websocket."""
    return cast("Service", connection.app.state.service)
