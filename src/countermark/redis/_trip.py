"""The way of one script to its server: redirections, circuit breakers, and what a failure is."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

import redis

from countermark._jitter import jitter
from countermark.errors import StoreUnavailable
from countermark.redis._circuit import Circuit
from countermark.redis._directory import BySentinels, BySlot, OneServer
from countermark.redis._exchange import BUSY, NotAcknowledged, code_of, is_silence, unavailable
from countermark.redis._target import Address, Target

# The most redirections of one script. A slot that is being moved needs two.
_MOST_HOPS = 5
# The name of the circuit breaker of lookups.
_DIRECTORY: Final = "the directory"


class Network:
    """The servers of a store as all its users see them: addresses, and circuit breakers."""

    def __init__(
        self, target: Target, timeout: float, pause: float, clock: Callable[[], float]
    ) -> None:
        self.target, self.timeout = target, timeout
        self._pause, self._clock = pause, clock
        self.directory: OneServer | BySentinels | BySlot
        if target.kind == "single":
            self.directory = OneServer(target)
        elif target.kind == "sentinel":
            self.directory = BySentinels(target, timeout)
        else:
            self.directory = BySlot(target, timeout)
        self._circuits: dict[Address | str, Circuit] = {}

    def circuit(self, name: Address | str) -> Circuit:
        """Return the circuit breaker of a server."""
        found = self._circuits.get(name)
        if found is None:
            for old in [each for each in list(self._circuits) if self._is_gone(each)]:
                self._circuits.pop(old, None)
            # Two threads may both make one; one of them is kept.
            found = self._circuits.setdefault(name, Circuit(self._pause, self._clock))
        return found

    def _is_gone(self, name: Address | str) -> bool:
        return isinstance(name, tuple) and not self.directory.serves(name)

    def locate(self, key: str) -> Address:
        """Return the address of the server that has *key*.

        Raises:
            StoreUnavailable: It could not be found.
        """
        circuit = self.circuit(_DIRECTORY)
        known = self.directory.known
        tried = not known and circuit.enter()
        try:
            address = self.directory.find(key)
        except Exception as error:
            failure = unavailable(error)
        else:
            circuit.succeed()
            return address
        if known:
            self.directory.look_up()  # no server has the slot at the moment
        else:
            circuit.fail(failure.kind, tried=tried)
        raise failure

    def failed(self, name: Address | str, error: Exception, *, tried: bool) -> StoreUnavailable:
        """Note the failure of a server, and return the error for the caller."""
        failure = unavailable(error)
        if is_silence(error):
            self.circuit(name).fail(failure.kind, tried=tried)
            self.directory.look_up()
        elif not isinstance(error, BUSY):  # then the server was not asked
            self.circuit(name).succeed()
        return failure


class Trip:
    """The way of one script: the server that is asked next."""

    __slots__ = ("_key", "_left", "_network", "_tried", "address", "asking")

    def __init__(self, network: Network, key: str) -> None:
        self._network, self._key = network, key
        self._left = _MOST_HOPS
        self.address = network.locate(key)
        self.asking = self._tried = False

    def enter(self) -> None:
        """Begin to ask the server.

        Raises:
            StoreUnavailable: Its circuit is open.
        """
        try:
            self._tried = self._network.circuit(self.address).enter()
        except StoreUnavailable:
            self._network.directory.look_up()  # a replica may have been promoted
            raise

    def end(self, *, acknowledged: bool) -> None:
        """Note that the server answered.

        Raises:
            NotAcknowledged: The replicas did not acknowledge the write.
        """
        self._network.circuit(self.address).succeed()
        if not acknowledged:
            # Maybe it lost its replicas because one of them has been promoted.
            self._network.directory.look_up()
            raise NotAcknowledged

    def after(self, error: Exception) -> StoreUnavailable | float:
        """Return the error for the caller, or the seconds until the script is sent again.

        It is sent again only if the server refused to run it.
        """
        code = code_of(error) if isinstance(error, redis.ResponseError) else ""
        failure = self._network.failed(self.address, error, tried=self._tried)
        if not code:
            return failure
        if code != "ASK":
            self._network.directory.look_up()
        self._left -= 1
        if not self._left or code == "CLUSTERDOWN":
            return failure
        self.asking = code == "ASK"
        if isinstance(error, redis.exceptions.AskError):
            host = error.host or (self.address[0] if self.address else "")
            self.address = self._network.target.address(host, error.port)
            return 0.0
        # The slot is being moved, or a primary became a replica.
        try:
            self.address = self._network.locate(self._key)
        except StoreUnavailable:
            return failure
        return jitter.uniform(0.005, 0.02)
