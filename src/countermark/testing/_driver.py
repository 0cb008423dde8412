"""Signs users in, sends their requests, and searches the responses for tokens."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Hashable, Mapping
from typing import Any, NamedTuple

from countermark.errors import ConfigurationError
from countermark.principal import Principal
from countermark.signing._signer import Signer
from countermark.testing._clients import Request, Session
from countermark.testing._faults import ANONYMOUS, Fault, Usual, fault_of
from countermark.testing._recogniser import Found
from countermark.testing._response_view import ResponseView
from countermark.testing._token_search import TokenSearch


class Functions(NamedTuple):
    """The functions of the test."""

    client: Callable[[], Any]  #: Makes a client.
    login: Callable[[Any, Any], object]  #: Signs a user in.
    logout: Callable[[Any], object] | None  #: Signs the user of a client out.


class Observation(NamedTuple):
    """A response, or its absence if the application raised an error."""

    view: ResponseView | None
    found: list[Found]  #: The tokens in it.
    fault: Fault | None

    @property
    def status(self) -> int:
        """The status; 500 if the application raised an error."""
        return 500 if self.view is None else self.view.status


class Driver:
    """Drives one application.

    Args:
        functions: The functions of the test.
        users: The principals, by the names of the users.
        signers: The signers of the application.
        max_requests: The maximum number of requests.
    """

    def __init__(
        self,
        functions: Functions,
        users: Mapping[Hashable, Principal],
        signers: list[Signer],
        max_requests: int,
    ) -> None:
        self.functions, self.users = functions, users
        self.search = TokenSearch(signers, users)
        self._left = self._most = max_requests
        self._signed: set[Hashable] = set()
        self._outcomes: Counter[str] = Counter()

    def session(self, user: Hashable) -> Session:
        """Return a new session, in which *user* is signed in unless they are ``ANONYMOUS``."""
        session = Session(self.functions.client())
        if user is not ANONYMOUS:
            self.functions.login(session.client, user)
        return session

    def sessions(self) -> dict[Hashable, Session]:
        """Return new sessions of all users and of an anonymous one."""
        return {user: self.session(user) for user in (*self.users, ANONYMOUS)}

    def request(
        self, session: Session, user: Hashable, request: Request, usual: Usual | None = None
    ) -> Observation:
        """Send a request that counts.

        Args:
            session: The session.
            user: The user who must be the one that is signed.
            request: The request.
            usual: The usual claims of the user's tokens.

        Raises:
            ConfigurationError: The maximum number of requests is reached.
        """
        if self._left <= 0:
            raise ConfigurationError(
                f"the routes need more than max_requests={self._most}; raise it, give paths=, or"
                " leave paths out with exclude="
            )
        self._left -= 1
        observed = self.observe(session, user, request, usual)
        view = observed.view
        self._outcomes[f"status {view.status}" if view else type(session.error).__name__] += 1
        if any(one.owner == user for one in observed.found):
            self._signed.add(user)
        return observed

    def observe(
        self, session: Session, user: Hashable, request: Request, usual: Usual | None = None
    ) -> Observation:
        """Send a request that does not count; see :meth:`request`."""
        view = session.send(request)
        if view is None:
            return Observation(None, [], None)
        found = self.search.find(view)
        return Observation(view, found, fault_of(user, request, view, found, usual))

    def untested(self) -> str | None:
        """Return the message about requests that tested nothing, None if there is none."""
        limited = self._outcomes["status 429"]
        if limited:
            return (
                f"the application refused {limited} requests as too many (status 429), so they"
                " tested nothing; turn its rate limit off in this test"
            )
        for user in self.users:
            if user not in self._signed:
                outcomes = ", ".join(f"{text}: {count}" for text, count in self._outcomes.items())
                return (
                    f"no response has a token of {user!r}, so nothing was tested; check login=,"
                    " paths=, signers=, and that users= has the principals that the application"
                    f" signs (responses: {outcomes or 'none'})"
                )
        return None
