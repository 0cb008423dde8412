"""A site with two widgets that follow the user, under a strict Content-Security-Policy."""

from __future__ import annotations

from starlette.applications import Starlette
from starlette.requests import HTTPConnection, Request
from starlette.responses import HTMLResponse, Response
from starlette.routing import Mount, Route

from countermark.asgi import App, Scope, ScriptEndpoint, SignaturesEndpoint, SigningMiddleware
from tests.samples import signer_of

NONCE = "bm9uY2Utb2YtdGhlLXRlc3Q"
POLICY = (
    f"default-src 'none'; script-src 'nonce-{NONCE}'; connect-src 'self'; base-uri 'none';"
    " require-trusted-types-for 'script'; trusted-types 'none'"
)
#: The lifetimes of tokens in seconds, by the folder of the page.
LIFETIMES = {"long": 3600, "short": 7}

PAGE = f"""<!doctype html>
<title>inbox</title>
<script nonce="{NONCE}">
  window.log = [];
  window.running = {{}};
  window.violations = [];
  document.addEventListener("securitypolicyviolation", (event) => {{
    violations.push(event.violatedDirective);
  }});
  document.addEventListener("visibilitychange", () => log.push(document.visibilityState));
  window.widget = (name, field) => [
    (identity) => {{
      const others = Object.values(running).filter((user) => user !== identity[field]);
      log.push(`${{name}}+${{identity[field]}}` + (others.length ? " and another" : ""));
      running[name] = identity[field];
    }},
    () => {{
      log.push(`${{name}}-`);
      delete running[name];
    }},
  ];
</script>
<script type="module" nonce="{NONCE}">
  import {{ follow, refresh }} from "./signatures/countermark.js";
  const [start, stop] = widget("k", "userId");
  const url = "signatures";
  follow("stigg", ...widget("s", "customerId"), {{ url }});
  follow(
    "knock",
    (identity, fresh) => {{
      Object.assign(window, {{ fresh }});
      start({{ userId: identity.user.id }});
    }},
    stop,
    {{ url, renew: () => log.push("k~") }},
  );
  Object.assign(window, {{ refresh }});
</script>
"""


def user_of_cookie(scope: Scope) -> str | None:
    return HTTPConnection(scope).cookies.get("user") or None


def page(request: Request) -> Response:
    return HTMLResponse(PAGE, headers={"Content-Security-Policy": POLICY})


def sign_in(request: Request) -> Response:
    response = Response(status_code=204)
    response.set_cookie("user", request.path_params["user"], path="/", httponly=True)
    return response


def sign_out(request: Request) -> Response:
    response = Response(status_code=204)
    response.delete_cookie("user", path="/", httponly=True)
    return response


def folder(lifetime: int) -> App:
    routes = [
        Route("/", page),
        Route("/sign-in/{user}", sign_in),
        Route("/sign-out", sign_out),
        Route("/signatures", SignaturesEndpoint()),
        Route("/signatures/countermark.js", ScriptEndpoint()),
    ]
    signers = [signer_of("stigg"), signer_of("knock", lifetime=lifetime)]
    return SigningMiddleware(Starlette(routes=routes), signers=signers, principal=user_of_cookie)


app = Starlette(routes=[Mount(f"/{name}", folder(life)) for name, life in LIFETIMES.items()])
