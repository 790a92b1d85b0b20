"""What requests with sound may look like, for the OpenAPI description: their bodies are read as they arrive."""

from __future__ import annotations

from typing import Any

from earmark.service.uploads import FIELD

SOUND: dict[str, Any] = {"type": "string", "format": "binary", "description": "A file of sound; its content decides."}
REFERENCE: dict[str, Any] = {
    "type": "object",
    "required": ["reference"],
    "additionalProperties": False,
    "properties": {
        "reference": {
            "type": "string",
            "description": "Address of an object, below one of the prefixes that the service allows.",
        }
    },
}


def one_sound() -> dict[str, Any]:
    """Return the description of a body that holds one sound."""
    raw = {"schema": SOUND}
    return {
        "requestBody": {
            "required": True,
            "content": {
                "multipart/form-data": {"schema": _form(SOUND)},
                "audio/*": raw,
                "application/octet-stream": raw,
                "application/json": {
                    "schema": REFERENCE,
                    "example": {"reference": "gs://lab/recordings/2026-05-01.flac"},
                },
            },
        }
    }


def many_sounds(most: int) -> dict[str, Any]:
    """Return the description of a form that holds up to so many sounds."""
    several = {"type": "array", "items": SOUND, "minItems": 1, "maxItems": most}
    return {
        "requestBody": {
            "required": True,
            "content": {
                "multipart/form-data": {"schema": _form(several)},
            },
        }
    }


def _form(field: dict[str, Any]) -> dict[str, Any]:
    return {"type": "object", "required": [FIELD], "additionalProperties": False, "properties": {FIELD: field}}
