"""What schemathesis sends where the description says that a body is sound (SCHEMATHESIS_HOOKS)."""

from __future__ import annotations

import schemathesis
from hypothesis import strategies

from tests.service.serving import encoded, tone

SOUNDS = [encoded(tone(0.3)), encoded(tone(0.2, n_channels=2), "FLAC"), encoded(tone(0.4, rate_hz=44_100), "OGG")]

schemathesis.openapi.format("binary", strategies.sampled_from(SOUNDS))
for kind in ("audio/*", "application/octet-stream"):
    schemathesis.openapi.media_type(kind, strategies.sampled_from(SOUNDS))
