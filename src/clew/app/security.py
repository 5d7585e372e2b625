"""Who may enter: a token once, then a cookie; our own host and origin only; and a page that can load nothing from elsewhere."""

from __future__ import annotations

import hmac
import secrets
import threading
from collections.abc import Mapping
from dataclasses import dataclass, field

MOST_TOKENS = 100  # addresses that wait to be opened
MOST_PEOPLE = 1000  # cookies that are remembered
HEADERS = {
    "Content-Security-Policy": (
        "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data: blob:; "
        "connect-src 'self'; frame-src 'self'; font-src 'none'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'"
    ),
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "X-Frame-Options": "DENY",
}
# The report stands in a frame of our own page: it runs nothing, sends nothing, and loads nothing at all.
FRAMED = {
    **HEADERS,
    "Content-Security-Policy": (
        "default-src 'none'; style-src 'unsafe-inline'; img-src data:; base-uri 'none'; form-action 'none'; "
        "frame-ancestors 'self'; sandbox"
    ),
    "X-Frame-Options": "SAMEORIGIN",
}


def headers_of(path: str) -> Mapping[str, str]:
    """Return the fences of an answer: those of the report, or those of everything else."""
    return FRAMED if path == "/report" else HEADERS


@dataclass
class Door:
    """Lets in whoever brings a token that has not been used, and knows them by a cookie from then on.

    Parameters
    ----------
    hosts : frozenset of str
        What the Host header may say, with the port ("127.0.0.1:8737").
    port : int
        Names the cookie: cookies of one computer are shared by all its ports.
    person : str
        The name of whoever comes first, as the system knows it.
    """

    hosts: frozenset[str]
    port: int
    person: str
    tokens: dict[str, str] = field(default_factory=dict)
    people: dict[str, str] = field(default_factory=dict)
    guests: set[str] = field(default_factory=set)
    lock: threading.Lock = field(default_factory=threading.Lock)

    @property
    def cookie(self) -> str:
        """Return the name of the cookie."""
        return f"clew_{self.port}"

    def invite(self, guest: str = "") -> str:
        """Return a new token of 256 bits, good for one entry: of the person whose server it is, or of a guest by name."""
        token = secrets.token_urlsafe(32)
        with self.lock:
            while len(self.tokens) >= MOST_TOKENS:
                self.tokens.pop(next(iter(self.tokens)))
            self.tokens[token] = guest
        return token

    def enter(self, token: str) -> str | None:
        """Return a new cookie for a token, which is used up by it; None if it is none of ours."""
        with self.lock:
            found = next(
                (one for one in self.tokens if hmac.compare_digest(one.encode(), token.encode())), None
            )
            if found is None:
                return None
            guest = self.tokens.pop(found)
            value = secrets.token_urlsafe(32)
            while len(self.people) >= MOST_PEOPLE:
                gone = next(iter(self.people))
                self.people.pop(gone)
                self.guests.discard(gone)
            self.people[value] = guest or self.person
            if guest:
                self.guests.add(value)
            return value

    def knows(self, cookie: str | None) -> bool:
        """Return whether a cookie is one that was given out here."""
        return cookie is not None and any(
            hmac.compare_digest(one.encode(), cookie.encode()) for one in list(self.people)
        )

    def wrong_origin(self, headers: Mapping[str, str], *, here: str = "", entering: bool = False) -> str:
        """Return why a request may not come from where it comes from, or "".

        A page elsewhere can make a browser ask us; it cannot change what the browser says of where it stands.

        Parameters
        ----------
        headers : mapping of str to str
        here : str
            The address that the connection has come to: a number, so that no name of somebody else's leads here.
        entering : bool
            Whether it asks for the page that takes a token: there, one may come by a link in a letter or a notebook.
        """
        host, hosts = headers.get("host", ""), self.hosts | {here}
        if not host or host not in hosts:
            return f"The Host must be one of this server's own. Got '{host[:80]}'."
        origin = headers.get("origin")
        if origin is not None and origin not in {f"http://{one}" for one in hosts}:
            return f"The Origin must be this server's own page. Got '{origin[:80]}'."
        if entering and (headers.get("sec-fetch-mode"), headers.get("sec-fetch-dest")) == (
            "navigate",
            "document",
        ):
            return ""
        if headers.get("sec-fetch-site", "same-origin") not in ("same-origin", "none"):
            return "The request must come from this server's own page. Got one from another site."
        return ""
