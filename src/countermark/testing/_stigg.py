"""A stand-in for the part of Stigg's API that browsers use."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator, Mapping
from typing import Any, Final, TypeAlias

from countermark._redaction import guarded
from countermark._responses import Response, json_response
from countermark.asgi._types import Receive, Scope, Send
from countermark.errors import REFUSALS, BadToken, ConfigurationError
from countermark.keys._keyring import Keyring
from countermark.testing._service import Unusable, not_found, read_json, segments_of, serve
from countermark.verifying._enforcement import Enforcement
from countermark.verifying._locations import from_header
from countermark.verifying._refusals import HINTS
from countermark.verifying._results import Verdict
from countermark.verifying._verifier import Verifier

#: The data of a customer: the lists ``entitlements`` and ``subscriptions``.
Customer: TypeAlias = Mapping[str, list[Any]]

# The names of the lists in responses, of GraphQL and of the edge.
_FIELDS: Final = {"entitlements": "entitlements", "subscriptions": "getActiveSubscriptions"}

_FILES = {f"{name}.json": name for name in _FIELDS}
_CONFIGURATION = ("GET", "v1", "config", "client-sdk-configuration.json")
_GRAPHQL = ("POST", "graphql")

_MAX_BATCH = 25

_read_api_key = from_header("X-API-KEY")


class StiggEdge:
    """Answers as Stigg's API does to a browser with a customer token.

    It is an ASGI application. Pass its address to the front end as both ``baseUri`` and
    ``baseEdgeUri``. It has ``GET /v1/c/<customer id>/entitlements.json`` and
    ``…/subscriptions.json``, ``GET /v1/config/client-sdk-configuration.json``, and
    ``POST /graphql`` with one operation or a batch of up to 25. Requests have the client's API
    key in ``X-API-KEY`` and the customer token in ``X-CUSTOMER-KEY``. Pages of all origins are
    allowed.

    The paths, the headers and the names of the errors are those of the vendor's own client
    (js-client-sdk 3.35.0), which works with the stand-in. The vendor has not published the
    responses of its server, so they are choices of this stand-in:

    - A missing or wrong API key is refused with 401 ``Unauthenticated``, which the vendor's
      client reports as a wrong SDK key.
    - If *enforced*, a missing or invalid customer token, or one of another customer, is refused
      with 403 ``IdentityForbidden``; by GraphQL with 200 and that error for each operation.
      The error's ``reason`` is one of :data:`countermark.errors.REFUSALS`, and its ``hint``
      names the mistake, if one explains the refusal.
    - If not *enforced*, customer tokens are verified, but the verdict changes nothing.
    - It does not execute GraphQL. The response to an operation has the lists of the customer
      with the id ``customerId`` in its variables; without such a variable it is empty.
    - Requests without a customer id need no customer token.

    Args:
        keyring: The signing secrets of the environment.
        customers: The data of each customer, by id. None: every id is a customer without data.
        publishable_key: The API key of the browser. It begins with ``client-``.
        enforced: The vendor's switch; it can be changed at any time.

    Raises:
        ConfigurationError: An argument is missing or invalid.
    """

    #: True if customer tokens must be valid.
    enforced: bool
    #: The verdicts about the tokens of the latest 100 requests for a customer, the oldest
    #: first. A valid token of another customer is verified, but refused.
    verdicts: deque[Verdict]

    @guarded
    def __init__(
        self,
        keyring: Keyring,
        *,
        customers: Mapping[str, Customer] | None = None,
        publishable_key: str = "client-for-tests",
        enforced: bool = True,
    ) -> None:
        given: object = publishable_key
        if not isinstance(given, str) or not given.startswith("client-"):
            raise ConfigurationError(
                "publishable_key= must be a text that begins with 'client-', such as"
                " 'client-for-tests'; Stigg's keys for browsers do"
            )
        self.enforced = enforced
        self.verdicts = deque(maxlen=100)
        self._customers = customers
        self._publishable_key = publishable_key
        self._verifier = Verifier("stigg", keyring)
        self._enforcement = Enforcement(
            self._verifier,
            mode=lambda question: "enforce" if self.enforced else "monitor",
            meter=self.verdicts.append,
        )

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        await serve(self._answer, lambda scope: "*", scope, receive, send)

    async def _answer(self, scope: Scope, receive: Receive) -> Response:
        route = (scope["method"], *segments_of(scope))
        edge = _is_edge(route)
        if not edge and route not in (_CONFIGURATION, _GRAPHQL):
            return not_found()
        if not self._is_client(scope):
            return _failure(401, "Unauthenticated", "The API key is missing or wrong.")
        if edge:
            customer_id, file = route[-2:]
            verdict = self._enforcement.judge(scope)
            return _json(*self._read(scope, verdict, [customer_id], [_FILES[file]]))
        if route == _CONFIGURATION:
            configuration = {"sentryDsn": None, "isWidgetWatermarkEnabled": False}
            return _json(200, {"data": {"sdkConfiguration": configuration}})
        return await self._graphql(scope, receive)

    def _is_client(self, scope: Scope) -> bool:
        try:
            return _read_api_key(scope) == self._publishable_key
        except BadToken:  # there are two API keys
            return False

    async def _graphql(self, scope: Scope, receive: Receive) -> Response:
        try:
            content = await read_json(receive)
        except Unusable:
            content = None
        operations = content if isinstance(content, list) else [content]
        if not 0 < len(operations) <= _MAX_BATCH or not all(map(_is_operation, operations)):
            detail = f"The body must be an operation, or a list of up to {_MAX_BATCH} operations."
            return _failure(400, "BadUserInput", detail)
        named = [list(_customer_ids(operation.get("variables"))) for operation in operations]
        verdict = self._enforcement.judge(scope) if any(named) else None
        results = [self._read(scope, verdict, ids, list(_FIELDS))[1] for ids in named]
        return _json(200, results if isinstance(content, list) else results[0])

    def _read(
        self, scope: Scope, verdict: Verdict | None, customer_ids: list[str], names: list[str]
    ) -> tuple[int, dict[str, Any]]:
        """Return the status and the content for the first customer, if all ids are allowed."""
        if not customer_ids:
            return 200, {"data": {}}
        reason = _reason(verdict, customer_ids)
        if reason is not None:
            message = f"{REFUSALS[reason].capitalize()}."
            hint = self._hint(scope, reason, customer_ids[0])
            return 403, _errors("IdentityForbidden", message, reason=reason, hint=hint)
        customer: Customer | None = {}
        if self._customers is not None:
            customer = self._customers.get(customer_ids[0])
        if customer is None:
            return 404, _errors("CustomerNotFound", "There is no such customer.")
        return 200, {"data": {_FIELDS[name]: customer.get(name, []) for name in names}}

    def _hint(self, scope: Scope, reason: str, customer_id: str) -> str:
        """Return the mistake that explains the refusal of a token, or its usual causes."""
        try:
            token = self._enforcement.location(scope)
        except BadToken:  # there are two tokens
            token = None
        return self._verifier.explain(token, customer_id).hint or HINTS[reason]


def _is_edge(route: tuple[str, ...]) -> bool:
    if len(route) != 5 or route[:3] != ("GET", "v1", "c"):
        return False
    return route[3] != "" and route[4] in _FILES


def _reason(verdict: Verdict | None, customer_ids: list[str]) -> str | None:
    """Return the reason to refuse these customers to a request, or None."""
    if verdict is None or verdict.mode == "monitor":
        return None
    if verdict.identity is None:
        return verdict.code
    own = verdict.identity.principal_id
    return None if all(customer_id == own for customer_id in customer_ids) else "mismatch"


def _customer_ids(variables: object) -> Iterator[str]:
    """Yield the customer ids in *variables*, at any depth."""
    if isinstance(variables, Mapping):
        for name, value in variables.items():
            if name == "customerId" and isinstance(value, str):
                yield value
            else:
                yield from _customer_ids(value)
    elif isinstance(variables, list):
        for value in variables:
            yield from _customer_ids(value)


def _is_operation(content: object) -> bool:
    return isinstance(content, Mapping) and isinstance(content.get("query"), str)


def _errors(code: str, message: str, **extensions: str) -> dict[str, Any]:
    return {"errors": [{"message": message, "extensions": {"code": code, **extensions}}]}


def _failure(status: int, code: str, message: str) -> Response:
    return _json(status, _errors(code, message))


def _json(status: int, content: object) -> Response:
    return json_response(status, "application/json", content)
