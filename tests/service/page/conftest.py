"""A real browser on the real service: Chromium with a microphone that hears a spoken digit."""

from __future__ import annotations

import shutil
import socket
import threading
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np
import pytest

from earmark.audio import Waveform, write_audio
from earmark.core.settings import settings
from earmark.service.options import ServeOptions

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from playwright.sync_api import Browser, BrowserContext, ConsoleMessage, Page, Playwright

CHROMIUM = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
FLAGS = (
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)
MICROPHONE_HZ = 48_000
PATIENCE_MS = 30_000  # of a browser on a busy machine
VOICE = "en-us+f2"


@dataclass
class Running:
    """A service that answers at `url` and keeps what it keeps in `state_dir`."""

    url: str
    state_dir: Path


@contextmanager
def serving(options: ServeOptions) -> Iterator[str]:
    """Run the service in a thread and yield its address."""
    import uvicorn

    from earmark.service.app import build_app

    # Listening begins here: who connects before the server accepts waits in the queue of the socket.
    with socket.create_server(("127.0.0.1", 0)) as listening:
        server = uvicorn.Server(uvicorn.Config(build_app(options), log_config=None, lifespan="on"))
        thread = threading.Thread(target=server.run, kwargs={"sockets": [listening]}, daemon=True)
        thread.start()
        try:
            yield f"http://127.0.0.1:{listening.getsockname()[1]}/"
        finally:
            server.should_exit = True
            thread.join(timeout=60)


@pytest.fixture(scope="session", autouse=True)
def _cache_of_the_session(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("EARMARK_CACHE_DIR", str(tmp_path_factory.getbasetemp() / "cache"))
        settings.cache_clear()
        yield


@pytest.fixture(scope="session")
def serve(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[..., Running]]:
    """Return a function that starts a service of its own and gives it the options."""
    from contextlib import ExitStack

    with ExitStack() as stack:

        def start(**chosen: object) -> Running:
            state_dir = tmp_path_factory.mktemp("state")
            options = ServeOptions.model_validate({"state_dir": str(state_dir), "port": 0, **chosen})
            return Running(stack.enter_context(serving(options)), state_dir)

        yield start


@pytest.fixture(scope="session")
def service(serve: Callable[..., Running]) -> Running:
    return serve()


@pytest.fixture(scope="session")
def sounds(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder of sounds: digits, noise, clipped music, a file that is none, and one for the microphone."""
    pytest.importorskip("espeakng_loader", reason="the extra demo, which speaks the digits, is not installed")
    from earmark.data.digit_voices import synthesize_digit

    folder = tmp_path_factory.mktemp("sounds")
    for digit in (3, 7):
        write_audio(folder / f"{digit}.wav", synthesize_digit(VOICE, digit))
    write_audio(folder / "3 and 7.wav", apart(*(synthesize_digit(VOICE, digit) for digit in (3, 7))))
    rng = np.random.default_rng(5)
    noise = 0.1 * rng.normal(size=(1, 16_000)).astype(np.float32)
    write_audio(folder / "noise.wav", Waveform(noise, 16_000))
    write_audio(folder / "clipped.wav", clipped_music(rng))
    (folder / "letter.wav").write_bytes(b"Dear reader, this is no sound.")
    write_microphone(folder / "microphone.wav", synthesize_digit(VOICE, 7))
    return folder


def apart(one: Waveform, other: Waveform) -> Waveform:
    """Return two words with a long pause between them."""
    pause = np.zeros((1, 4 * one.rate_hz), dtype=np.float32)
    return Waveform(np.concatenate([one.samples, pause, other.samples], axis=1), one.rate_hz)


def clipped_music(rng: np.random.Generator) -> Waveform:
    """Return six seconds of notes, too loud from the second to the fourth."""
    times_s = np.arange(6 * 44_100) / 44_100
    note = np.exp(-3 * (times_s * 2 % 1)) * sum(np.sin(2 * np.pi * 220 * k * times_s) / k for k in (1, 2, 3, 5, 8))
    music = 0.2 * note + 0.01 * rng.normal(size=len(times_s))
    loud = (times_s >= 2) & (times_s < 4)
    music[loud] = np.clip(8 * music[loud], -0.7, 0.7)
    return Waveform(np.stack([music, music]).astype(np.float32), 44_100)


def write_microphone(path: Path, spoken: Waveform) -> None:
    """Write what the microphone of a browser hears again and again: a word between pauses."""
    from earmark.audio import resample

    samples = resample(spoken.mono()[None], spoken.rate_hz, MICROPHONE_HZ)[0]
    pause = np.zeros(MICROPHONE_HZ, dtype=np.float32)
    heard = np.concatenate([pause, samples / np.abs(samples).max() * 0.5, pause])
    heard += 1e-4 * np.random.default_rng(0).normal(size=len(heard)).astype(np.float32)
    write_audio(path, Waveform(heard[None].astype(np.float32), MICROPHONE_HZ))


@pytest.fixture(scope="module")
def driver() -> Iterator[Playwright]:
    """Drive browsers; for one module only, because the thread of the tests has a running event loop so long."""
    playwright = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
    with playwright.sync_playwright() as driver:
        yield driver


@contextmanager
def launched(driver: Playwright, *flags: str) -> Iterator[Browser]:
    """Yield Chromium; skips the test where there is none."""
    found = next(filter(None, map(shutil.which, CHROMIUM)), None)
    if found is None:
        pytest.skip(f"no browser on PATH; looked for {', '.join(CHROMIUM)}")
    browser = driver.chromium.launch(executable_path=found, args=[*FLAGS, *flags])
    try:
        yield browser
    finally:
        browser.close()


def microphone(path: Path) -> tuple[str, ...]:
    """Return the flags of a browser that hears a file."""
    return (
        "--use-fake-device-for-media-stream",
        "--use-fake-ui-for-media-stream",
        f"--use-file-for-fake-audio-capture={path}",
    )


@pytest.fixture(scope="module")
def browser(driver: Playwright, sounds: Path) -> Iterator[Browser]:
    with launched(driver, *microphone(sounds / "microphone.wav")) as browser:
        yield browser


@dataclass
class Complaints:
    """What a page says on its console, and what its policy forbade."""

    found: list[str] = field(default_factory=list)

    def watch(self, context: BrowserContext) -> None:
        context.on("console", self._note)
        context.on("weberror", lambda error: self.found.append(str(error.error)))
        # Violations of the policy are told on the console as errors, too.

    def _note(self, message: ConsoleMessage) -> None:
        refused = message.text.startswith("Failed to load resource") and (
            "/v1/" in message.location["url"] or "healthz" in message.location["url"]
        )
        if message.type in ("error", "warning") and not refused:  # a refusal of the service is shown on the page
            self.found.append(f"{message.type}: {message.text}")


@contextmanager
def opened(browser: Browser, url: str, **chosen: object) -> Iterator[Page]:
    """Yield a page of the service in a window of its own; nothing may have been complained about at the end."""
    complaints = Complaints()
    context = browser.new_context(**{"base_url": url, "service_workers": "block", **chosen})  # type: ignore[arg-type]
    context.set_default_timeout(PATIENCE_MS)
    complaints.watch(context)
    try:
        page = context.new_page()
        page.goto(url)
        yield page
    finally:
        context.close()
    assert complaints.found == []


@pytest.fixture
def page(browser: Browser, service: Running) -> Iterator[Page]:
    """Return the page, ready for sounds."""
    from playwright.sync_api import expect

    with opened(browser, service.url) as page:
        expect(page.get_by_role("button", name="Choose files")).to_be_enabled(timeout=PATIENCE_MS)
        yield page


def give(page: Page, *paths: Path) -> None:
    """Choose files as a user does."""
    with page.expect_file_chooser() as chooser:
        page.get_by_role("button", name="Choose files").click()
    chooser.value.set_files([str(path) for path in paths])
