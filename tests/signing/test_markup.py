"""Tokens in a page are data, and never markup or code."""

from __future__ import annotations

import json
from html.parser import HTMLParser
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from countermark import ConfigurationError, Principal, RequestIdentity
from countermark.signing import SigningConfig, identity_script
from tests.samples import signer_of


def identity_of(principal: Any, *slugs: str) -> RequestIdentity:
    signers = [signer_of(slug) for slug in slugs or ("gleap",)]
    return RequestIdentity(SigningConfig(signers, lambda source: principal), {})


class Page(HTMLParser):
    """Collects elements and their content, as a browser would."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.text = ""
        self.comments: list[str] = []
        self.feed(page)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))

    def handle_data(self, data: str) -> None:
        self.text += data

    def handle_comment(self, data: str) -> None:
        self.comments.append(data)


def test_the_element_contains_the_whole_payload() -> None:
    identity = identity_of(Principal("user-1", name="Ann"), "gleap", "stigg")
    page = Page(identity_script(identity))
    assert page.elements == [("script", {"type": "application/json", "id": "countermark"})]
    assert json.loads(page.text) == identity.payload()


def test_the_element_contains_the_fields_of_one_scheme() -> None:
    identity = identity_of("user-1", "gleap", "stigg")
    page = Page(identity_script(identity, "stigg", id="stigg", nonce="r4nd0m+/="))
    assert page.elements == [
        ("script", {"type": "application/json", "id": "stigg", "nonce": "r4nd0m+/="})
    ]
    assert json.loads(page.text) == identity["stigg"].fields


def test_the_element_of_an_anonymous_request_is_empty() -> None:
    assert Page(identity_script(identity_of(None))).text == "{}"
    assert Page(identity_script(identity_of(None), "gleap")).text == "null"


@given(st.text(max_size=60))
@example("</script><script>alert(1)</script>")
@example("<!--<script>")
@example("]]>&lt;\u2028\u2029'\"")
def test_no_value_closes_the_element(name: str) -> None:
    identity = identity_of(Principal("user-1", name=name[:500], email="a<b>&@c.example"))
    text = identity_script(identity)
    page = Page(text)
    assert len(page.elements) == 1
    assert page.comments == []
    assert json.loads(page.text) == identity.payload()
    assert text.isascii()
    assert text.count("<") == 2
    assert "&" not in text


class Undefined:
    """The value of a template engine for an unknown name."""

    def __bool__(self) -> bool:
        return False


@pytest.mark.parametrize("nothing", [None, "", Undefined()])
def test_an_empty_nonce_is_left_out(nothing: object) -> None:
    assert "nonce" not in identity_script(identity_of("user-1"), nonce=nothing)


@pytest.mark.parametrize("value", ['x" onload="alert(1)', "a b", "é", "a>"])
def test_an_invalid_id_or_nonce_is_refused(value: str) -> None:
    identity = identity_of("user-1")
    with pytest.raises(ConfigurationError, match="id= must consist of"):
        identity_script(identity, id=value)
    with pytest.raises(ConfigurationError, match="nonce= must consist of"):
        identity_script(identity, nonce=value)


class TestMarker:
    def test_the_marker_is_the_same_for_the_same_principal(self) -> None:
        first, second = identity_of("user-1"), identity_of(Principal("user-1", name="Ann"))
        assert first.marker == second.marker == first.payload()["marker"]
        assert len(first.marker or "") == 16

    def test_the_marker_changes_with_the_principal_and_the_actor(self) -> None:
        markers = {
            identity_of(who).marker
            for who in ("user-1", "user-2", Principal(email="user-1@a.example"), Principal("x"))
        }
        assert len(markers) == 4
        acting = RequestIdentity(
            SigningConfig(
                signer_of("gleap"),
                lambda source: Principal("user-1", actor="staff-1"),
                sign_impersonated=True,
            ),
            {},
        )
        assert acting.marker not in {*markers, None}

    def test_the_marker_distinguishes_addresses_from_ids_and_tenants(self) -> None:
        people = [
            Principal("a@b.example"),
            Principal(email="a@b.example"),
            Principal(phone="a@b.example"),
            Principal("a@b.example", tenant="acme"),
            Principal("a@b.example", tenant="umbrella"),
        ]
        assert len({identity_of(who).marker for who in people}) == 5

    def test_an_anonymous_request_has_no_marker(self) -> None:
        assert identity_of(None).marker is None
        assert identity_of(None).payload() == {}

    def test_the_payload_of_an_invalid_id_has_no_marker(self) -> None:
        assert identity_of("user\n1").payload() == {}

    def test_the_marker_reveals_neither_the_id_nor_its_pseudonym(self) -> None:
        signer = signer_of("gleap")
        assert signer.marker("user-1") not in {"user-1", signer.pseudonym("user-1")}
        assert signer.marker("user-1") != signer_of("pylon").marker("user-2")

    def test_the_marker_changes_with_a_login_in_the_request(self) -> None:
        identity = identity_of("user-1")
        before = identity.marker
        identity.identify("user-2")
        assert identity.marker not in {before, None}
        identity.forget()
        assert identity.marker is None
