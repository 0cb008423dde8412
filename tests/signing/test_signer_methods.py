"""Signer as a class: signatures, documentation, overriding, and errors of options."""

from __future__ import annotations

import inspect
import pydoc
from typing import Any

import pytest

from countermark import ConfigurationError, InvalidScheme, Keyring, Scheme, Signer
from countermark.asgi import SigningMiddleware
from tests.drivers import answer, header, request
from tests.samples import SECRET

RING = Keyring(SECRET)


class Upper(Signer):
    """Signs ids in upper case."""

    def sign(self, principal: Any) -> str:
        return super().sign(str(principal).upper())


def test_tools_see_the_signature_and_the_documentation_of_sign() -> None:
    assert list(inspect.signature(Signer.sign).parameters) == ["self", "principal"]
    assert "InvalidPrincipal" in pydoc.render_doc(Signer.sign)
    signer = Signer("stigg", RING)
    assert signer.sign("user-1") == Signer.sign(signer, "user-1")


def test_a_subclass_may_override_sign() -> None:
    token = Signer("stigg", RING).sign("USER-1")
    assert Upper("stigg", RING).sign("user-1") == token
    assert Upper("stigg", RING).issue("user-1").token == token
    app = SigningMiddleware(
        answer(), signers=Upper("stigg", RING), principal=lambda scope: "user-1"
    )
    (start, _) = request(app)
    assert header(start, b"stigg-customer-token") == token.encode()


@pytest.mark.parametrize("name", ["Set-Cookie", "X Token", "", 7])
def test_an_invalid_header_option_is_a_plain_configuration_error(name: Any) -> None:
    with pytest.raises(ConfigurationError, match="header=") as raised:
        Signer("stigg", RING, header=name)
    assert not isinstance(raised.value, InvalidScheme)
    assert raised.value.code == "configuration"
    data = {
        "slug": "acme",
        "mac": {"algorithm": "sha256", "message": "{id}", "encoding": "hex"},
        "token": {"template": "{mac}", "header": name},
    }
    with pytest.raises(InvalidScheme):
        Scheme.from_mapping(data)


def test_a_signer_has_no_public_attribute_that_is_not_documented() -> None:
    public = {name for name in dir(Signer("stigg", RING)) if not name.startswith("_")}
    assert public == {
        *("scheme", "header", "key_id", "environment"),
        *("from_env", "sign", "issue", "pseudonym", "marker"),
    }
