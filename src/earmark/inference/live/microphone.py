"""A sound card as a source, through PortAudio (package sounddevice, extra "live")."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from earmark.core.errors import AudioError, ConfigError
from earmark.core.optional import import_extra
from earmark.inference.live.sources import BLOCK_S

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    import numpy as np
    from numpy.typing import NDArray

    from earmark.inference.live.ring import Ring

POLL_S = 0.05
PURPOSE = "Listening to a microphone"


@dataclass(frozen=True)
class Device:
    """A sound card that can record.

    Attributes:
        number: What `--device` takes.
        name: Its name.
        n_channels: Channels that it records.
        rate_hz: The rate that it prefers.
        is_default: Whether it is taken where none is named.
    """

    number: int
    name: str
    n_channels: int
    rate_hz: int
    is_default: bool


def load_sounddevice() -> Any:
    """Return the module sounddevice.

    Raises:
        MissingExtraError: It is not installed.
        AudioError: It is, but the library PortAudio is not.
    """
    try:
        return import_extra("sounddevice", "live", PURPOSE)
    except OSError as error:
        raise AudioError(
            f"{PURPOSE} needs the library PortAudio ({error}); install it with: apt-get install libportaudio2 "
            "(Debian, Ubuntu), dnf install portaudio (Fedora), brew install portaudio (macOS)"
        ) from error


def list_devices() -> list[Device]:
    """Return the sound cards that can record.

    Raises:
        MissingExtraError: The package sounddevice is not installed.
        AudioError: PortAudio is not installed, or does not start.
    """
    sounddevice = load_sounddevice()
    try:
        found, default = sounddevice.query_devices(), sounddevice.default.device[0]
    except sounddevice.PortAudioError as error:
        raise AudioError(f"sound cards: PortAudio cannot list them ({error})") from error
    return [
        Device(
            number,
            str(device["name"]),
            int(device["max_input_channels"]),
            int(device["default_samplerate"]),
            number == default,
        )
        for number, device in enumerate(found)
        if device["max_input_channels"] > 0
    ]


class Microphone:
    """A sound card that records mono.

    Args:
        device: Number or part of a name as `list_devices` tells them; empty: the default one.
        rate_hz: Rate to record at; None takes `wanted_hz`, or the card's own rate where it cannot.
        wanted_hz: The rate of the model.

    Raises:
        MissingExtraError: The package sounddevice is not installed.
        AudioError: There is no sound card, or it cannot record at this rate.
        ConfigError: No sound card is called so.
    """

    live = True

    def __init__(self, device: str = "", *, rate_hz: int | None = None, wanted_hz: int = 16_000) -> None:
        self._sounddevice = load_sounddevice()
        found = self._find(device)
        self._device = found.number
        self.name = found.name
        self.rate_hz = rate_hz or (wanted_hz if self._refusal(wanted_hz) is None else found.rate_hz)
        if (refusal := self._refusal(self.rate_hz)) is not None:
            raise AudioError(
                f"{self.name}: cannot record mono at {self.rate_hz} Hz ({refusal}); its own rate is "
                f"{found.rate_hz} Hz, choose another with --capture-rate"
            )

    def blocks(self) -> Iterator[NDArray[np.float32]]:
        """A sound card does not wait, so there is nothing to pull; use `record`."""
        return iter(())

    def record(self, ring: Ring, stopped: Callable[[], bool]) -> None:
        """Record into the ring until stopped.

        PortAudio calls back from a thread of its own, which only copies the samples.

        Raises:
            AudioError: The sound card was unplugged or taken by another program.
        """

        def receive(samples: NDArray[np.float32], n_frames: int, clock: Any, flags: Any) -> None:
            now_s = time.monotonic()
            since_s = clock.currentTime - clock.inputBufferAdcTime - n_frames / self.rate_hz  # of the last sample
            ring.write(samples[:, 0], now_s - (since_s if 0 < since_s < 1 else 0.0))
            if flags.input_overflow:
                ring.count_overrun()

        try:
            with self._sounddevice.InputStream(
                samplerate=self.rate_hz,
                blocksize=round(BLOCK_S * self.rate_hz),
                device=self._device,
                channels=1,
                dtype="float32",
                latency="low",
                callback=receive,
            ) as stream:
                while not stopped() and stream.active:
                    time.sleep(POLL_S)
                if not stopped():
                    raise AudioError(f"{self.name}: stopped recording; was it unplugged?")
        except self._sounddevice.PortAudioError as error:
            raise AudioError(f"{self.name}: cannot record ({error}); does another program hold it?") from error

    def _find(self, wanted: str) -> Device:
        devices = list_devices()
        if not devices:
            raise AudioError("no sound card that records was found; connect a microphone, or give a file with --source")
        if not wanted:
            return next((device for device in devices if device.is_default), devices[0])
        for device in devices:
            if wanted == str(device.number) or (not wanted.isdigit() and wanted.lower() in device.name.lower()):
                return device
        known = ", ".join(f"{device.number} {device.name}" for device in devices)
        raise ConfigError(f'--device "{wanted}": no sound card is called so (known: {known})')

    def _refusal(self, rate_hz: int) -> Exception | None:
        try:
            self._sounddevice.check_input_settings(device=self._device, channels=1, samplerate=rate_hz, dtype="float32")
        except (self._sounddevice.PortAudioError, ValueError) as error:
            return error
        return None
