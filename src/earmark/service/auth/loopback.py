"""When no key is needed: on this machine alone, and never for a page of somebody else's.

A service on 127.0.0.1 is reached by every page in the user's browser. A page elsewhere can post to it (its requests
carry a foreign Origin), and can have its own name point at 127.0.0.1 to read the answers too (DNS rebinding; its
requests carry that name as Host). So without keys, Host has to be a name of this machine, and Origin the same place.
"""

from __future__ import annotations

import ipaddress
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from earmark.service.problems import Problem

if TYPE_CHECKING:
    from starlette.requests import HTTPConnection

    from earmark.service.options import ServeOptions

FORBIDDEN = 403
_DEFAULT_PORTS = {"http": 80, "https": 443, "ws": 80, "wss": 443}


def is_loopback(host: str) -> bool:
    """Return whether a name or address is of this machine, without asking any name server.

    Example:
        >>> [is_loopback(host) for host in ("localhost", "127.0.0.1", "::1", "0.0.0.0", "localhost.evil.example")]
        [True, True, True, False, False]
    """
    name = host.strip().removeprefix("[").removesuffix("]").lower()
    if name == "localhost":
        return True
    try:
        return ipaddress.ip_address(name).is_loopback
    except ValueError:
        return False


def keys_needed(options: ServeOptions) -> bool:
    """Return whether every request has to carry a key."""
    return options.auth == "on" or not is_loopback(options.host)


def refuse_foreign(connection: HTTPConnection, options: ServeOptions) -> None:
    """Refuse what did not begin on this machine, where no keys are asked for; does nothing where they are.

    Raises:
        Problem: 403.
    """
    if keys_needed(options):  # no browser sends a key by itself
        return
    hosts = connection.headers.getlist("host")
    host = _place(f"http://{hosts[0]}") if len(hosts) == 1 else None
    if host is None or not is_loopback(host[0]):
        raise Problem(
            FORBIDDEN,
            "Foreign host",
            "without keys this service answers only under a name of its own machine, such as localhost; start it with "
            "--auth on and use a key",
        )
    for origin in connection.headers.getlist("origin"):
        if _place(origin) != host:
            raise Problem(
                FORBIDDEN,
                "Foreign origin",
                "without keys this service answers no pages of other places; start it with --auth on and use a key",
            )


def _place(address: str) -> tuple[str, int] | None:
    """Return host and port of an origin; None for one that is none, such as "null"."""
    try:
        parts = urlsplit(address)
        port = parts.port
    except ValueError:
        return None
    odd = parts.username is not None or parts.path or parts.query or parts.fragment
    if parts.scheme not in _DEFAULT_PORTS or not parts.hostname or odd:
        return None
    return parts.hostname, port or _DEFAULT_PORTS[parts.scheme]
