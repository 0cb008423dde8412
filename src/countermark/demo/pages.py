"""The pages of one scheme: its own small application, behind its own signer."""

from __future__ import annotations

from pathlib import Path

from starlette.concurrency import run_in_threadpool
from starlette.middleware import Middleware
from starlette.middleware.cors import CORSMiddleware
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, RedirectResponse, Response
from starlette.routing import BaseRoute, Mount, Route, Router
from starlette.templating import Jinja2Templates

from countermark import Principal
from countermark.asgi import App, Scope, SignaturesEndpoint
from countermark.demo import SIGNATURES_PATH, caches
from countermark.demo.mistakes import explain, planted
from countermark.demo.parts import Parts
from countermark.demo.people import PEOPLE, Person, person_of, principal_of
from countermark.demo.receiver import Receiver, send_traffic
from countermark.demo.security import form_of
from countermark.demo.signed import mark_placeholders
from countermark.demo.views import view_of
from countermark.resolvers import from_session
from countermark.starlette import SigningMiddleware, context_processor

_current_id = from_session("user_id")
_templates = Jinja2Templates(
    Path(__file__).parent / "templates", context_processors=[context_processor]
)
_templates.env.filters["mark_placeholders"] = mark_placeholders
# The fields of a vendor have an order, and the page compares them as texts.
_templates.env.policies["json.dumps_kwargs"] = {"sort_keys": False}


def current_person(request: Request) -> Person | None:
    """Return the user who is signed in, or None."""
    return person_of(_current_id(request.scope))


def scheme_app(parts: Parts, receiver: Receiver) -> App:
    """Return the application of a scheme, with paths relative to its own."""
    pages = _Pages(parts, receiver)
    signed = Middleware(
        SigningMiddleware,
        signers=parts.signer,
        principal=lambda scope: principal_of(_current_id(scope)),
    )
    return Router(
        [
            Route("/counts", pages.counts),
            *pages.receiving(),
            *_other_origin(parts),
            Mount("/", routes=pages.signed(), middleware=[signed]),
        ]
    )


class _Pages:
    def __init__(self, parts: Parts, receiver: Receiver) -> None:
        self._parts, self._receiver = parts, receiver
        self._service = None if parts.verifier is None else receiver.app(parts)

    def signed(self) -> list[BaseRoute]:
        """Return the routes whose responses may have a token."""
        return [
            Route("/", self.page),
            Route("/explain", self.explain, methods=["POST"]),
            Route(SIGNATURES_PATH, SignaturesEndpoint()),
            Route("/cache/{kind}", caches.respond),
        ]

    def receiving(self) -> list[BaseRoute]:
        """Return the routes of the service that receives tokens."""
        if self._service is None:
            return []
        return [
            Mount("/service", self._service),
            Route("/traffic", self.traffic, methods=["POST"]),
        ]

    async def page(self, request: Request) -> Response:
        view = view_of(request, self._parts, self._receiver, current_person(request))
        return _templates.TemplateResponse(request, "scheme.html", view)

    async def explain(self, request: Request) -> Response:
        person, form = current_person(request), await form_of(request)
        if person is None or self._parts.verifier is None:
            return RedirectResponse("./", 303)
        mistakes = {mistake.name: mistake.token for mistake in planted(self._parts, person)}
        token = mistakes.get(form.get("mistake", ""), form.get("token", ""))
        found = await run_in_threadpool(explain, self._parts, person.principal, token)
        view = view_of(
            request, self._parts, self._receiver, person, edited=token, explanation=found
        )
        return _templates.TemplateResponse(request, "scheme.html", view)

    async def counts(self, request: Request) -> Response:
        counts = self._receiver.counts(self._parts.scheme.slug)
        return JSONResponse(counts, headers={"Cache-Control": "no-store"})

    async def traffic(self, request: Request) -> Response:
        assert self._service is not None  # noqa: S101  # or there is no such route
        await send_traffic(self._service, self._parts)
        return RedirectResponse("./#modes", 303)


def _other_origin(parts: Parts) -> list[BaseRoute]:
    """Return the routes of a frame of another origin, and of the responses that it reads.

    Scripts of all origins can read these responses, so they are for a fixed user of the demo,
    not for the current one.
    """
    header = parts.signer.header
    if header is None:
        return []

    async def frame(request: Request) -> Response:
        view = {"nonce": request.state.nonce, "header": header}
        return _templates.TemplateResponse(request, "other_origin.html", view)

    async def page(request: Request) -> Response:
        return PlainTextResponse("A page.")

    def fixed(scope: Scope) -> Principal:
        return PEOPLE[0].principal

    def readable(exposed: list[str]) -> list[Middleware]:
        return [
            Middleware(CORSMiddleware, allow_origins=["*"], expose_headers=exposed),
            Middleware(SigningMiddleware, signers=parts.signer, principal=fixed),
        ]

    return [
        Route("/other-origin", frame),
        Mount("/hidden", routes=[Route("/", page)], middleware=readable([])),
        Mount("/exposed", routes=[Route("/", page)], middleware=readable([header])),
    ]
