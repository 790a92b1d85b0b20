"""Who may ask: keys, how often each may ask, and when none is needed."""

from __future__ import annotations

from earmark.service.auth.callers import Caller, caller_of, caller_of_socket
from earmark.service.auth.keys import KeyFacts, create_key, list_keys, revoke_key
from earmark.service.auth.loopback import keys_needed, refuse_foreign
from earmark.service.auth.ring import KeyRing

__all__ = [
    "Caller",
    "KeyFacts",
    "KeyRing",
    "caller_of",
    "caller_of_socket",
    "create_key",
    "keys_needed",
    "list_keys",
    "refuse_foreign",
    "revoke_key",
]
