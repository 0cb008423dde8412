"""The pages of all schemes: what they show, and what they must not show."""

from __future__ import annotations

import html
import json
import re

import pytest
from starlette.testclient import TestClient

from countermark.demo import USERS
from countermark.demo.mistakes import explain, planted
from countermark.demo.parts import parts_of, token_of
from countermark.demo.people import PEOPLE, person_of, principal_of
from countermark.demo.signed import mark_placeholders, signed_parts
from countermark.schemes import Scheme, scheme_slugs
from tests.demo.spilled import spilled
from tests.verifying.verifiers import CANNOT

ADA, BEN, CLEO = PEOPLE

#: The mistakes and the codes of their explanations, for schemes of all kinds.
PLANTED = {
    "stigg": {
        "none": (),
        "email": ("other_principal",),
        "environment": ("other_environment",),
        "encoding": ("code_encoding",),
        "truncated": ("truncated",),
        "user": ("other_principal",),
    },
    "cognito-flow": {
        "none": (),
        "email": ("other_value",),
        "environment": ("other_environment",),
        "encoding": ("code_encoding",),
        "truncated": ("truncated",),
        "user": (),
    },
    "crisp": {
        "none": (),
        "environment": ("other_environment",),
        "encoding": ("code_encoding",),
        "truncated": ("truncated",),
        "user": (),
    },
    "chameleon": {
        "none": (),
        "email": ("other_value",),
        "environment": ("other_environment",),
        "encoding": ("code_encoding",),
        "truncated": (),
        "expired": ("expired",),
        "user": (),
    },
    "talkjs-jwt": {
        "none": (),
        "email": ("other_principal",),
        "environment": ("other_environment",),
        "truncated": ("truncated",),
        "expired": ("expired",),
        "user": ("other_principal",),
    },
    "metabase-static": {
        "none": (),
        "environment": ("other_environment",),
        "truncated": ("truncated",),
        "expired": ("expired",),
    },
}


def page_of(client: TestClient, slug: str) -> str:
    response = client.get("/", params={"scheme": slug})
    assert response.status_code == 200
    return response.text


def json_in(page: str, id: str) -> dict[str, object]:
    found = re.search(rf'id="{id}"[^>]*>(.*?)</script>', page)
    assert found
    content: dict[str, object] = json.loads(found[1])
    return content


def test_the_page_of_each_scheme_shows_its_token_and_no_secret(client: TestClient) -> None:
    client.post("/sign-in/0")
    for slug in scheme_slugs():
        page, parts = page_of(client, slug), parts_of(slug)
        assert html.escape(parts.scheme.name, quote=False) in html.unescape(page)
        token = json_in(page, "data")["token"]
        assert isinstance(token, str), slug
        if parts.verifier is not None:
            claimed = ADA.principal if parts.names_user else None
            assert parts.verifier.check(token, claimed).code == "verified"
        if not parts.is_changing:
            fields = parts.signer.issue(ADA.principal).fields
            assert json.dumps(json_in(page, "data")["fields"]) == json.dumps(fields)
        assert spilled(slug, html.unescape(page)) == []


def test_the_chooser_has_all_schemes_and_selects_the_current_one(client: TestClient) -> None:
    page = page_of(client, "knock")
    assert set(re.findall(r'<option value="([^"]+)"', page)) == set(scheme_slugs())
    assert re.findall(r'<option value="([^"]+)" selected', page) == ["knock"]


def test_schemes_without_a_verifier_are_the_documented_ones_and_say_so(client: TestClient) -> None:
    without = {slug for slug in scheme_slugs() if parts_of(slug).verifier is None}
    assert without == CANNOT
    client.post("/sign-in/0")
    page = page_of(client, "looker")
    assert "A service cannot verify tokens of this scheme." in page
    assert 'action="traffic"' not in page
    assert client.post("/schemes/looker/traffic").status_code == 404
    assert client.post("/schemes/looker/explain").url.path == "/schemes/looker/"


def test_a_message_is_shown_with_its_placeholders_and_filled_in() -> None:
    parts = parts_of("reamaze")
    token = parts.signer.sign(ADA.principal)
    assert signed_parts(parts, ADA.principal, token) == [
        ("message", "{id}:{email}", f"{USERS[0]}:ada@moreno.example")
    ]
    assert signed_parts(parts, None, None) == [("message", "{id}:{email}", None)]


def test_a_payload_is_shown_before_it_is_encoded() -> None:
    parts = parts_of("discourse")
    payload, message = signed_parts(parts, ADA.principal, parts.signer.sign(ADA.principal))
    assert payload.name == "payload (query in base64)"
    assert payload.filled is not None
    assert json.loads(payload.filled)["email"] == "ada@moreno.example"
    assert message.template == "{payload}"
    plain, _ = signed_parts(parts_of("pusher-presence"), None, None)
    assert plain.name == "payload (json)"
    text, _ = signed_parts(parts_of("unchurn"), None, None)
    assert text.template.startswith("{settings.merchant_id}:")


def test_placeholders_are_marked_and_all_texts_are_escaped() -> None:
    marked = mark_placeholders('<i>{"a": "{id|email:json?}"}')
    assert marked == "&lt;i&gt;{&#34;a&#34;: &#34;<b>{id|email:json?}</b>&#34;}"


def test_a_jwt_is_shown_decoded() -> None:
    parts = parts_of("sigma")
    header, claims = signed_parts(parts, ADA.principal, parts.signer.sign(ADA.principal))
    assert json.loads(header.template)["kid"] == "{settings.client_id}"
    assert header.filled is not None
    assert json.loads(header.filled) == {"alg": "HS256", "kid": "demo-client-id", "typ": "JWT"}
    assert json.loads(claims.template)["sub"] == "{email}"
    assert claims.filled is not None
    assert json.loads(claims.filled)["sub"] == "ada@moreno.example"


@pytest.mark.parametrize("slug", PLANTED)
def test_planted_mistakes_are_explained(slug: str) -> None:
    parts = parts_of(slug)
    found = {}
    for mistake in planted(parts, ADA):
        explanation = explain(parts, ADA.principal, mistake.token)
        assert (explanation.outcome == "good") is (mistake.name == "none")
        found[mistake.name] = explanation.codes
    assert found == PLANTED[slug]


def test_a_user_whom_a_scheme_refuses_sees_the_reason(client: TestClient) -> None:
    client.post("/sign-in/2")
    page = page_of(client, "smile-io")
    assert "This scheme does not sign for Cleo Lind: smile-io: the id is refused" in page
    assert "No token." in page
    assert next(one.name for one in planted(parts_of("smile-io"), BEN)) == "none"


def test_all_users_can_do_all_that_the_pages_offer(client: TestClient) -> None:
    refusing = {
        slug
        for slug in scheme_slugs()
        for person in PEOPLE
        if token_of(parts_of(slug), person) is None
    }
    assert refusing == {
        "algolia",
        "emqx",
        "friendbuy",
        "launchdarkly",
        "mercure",
        "mercure-0",
        "pusher-user",
        "smile-io",
        "synapse-jwt",
        "tiny-drive",
        "typesense",
    }
    for person in PEOPLE:
        client.post(f"/sign-in/{person.number}")
        for slug in refusing - CANNOT:
            assert person.name in page_of(client, slug)
            assert client.post(f"/schemes/{slug}/traffic").status_code == 200
            explained = client.post(f"/schemes/{slug}/explain", data={"mistake": "user"})
            assert explained.status_code == 200


def test_a_deprecated_scheme_names_its_replacement(client: TestClient) -> None:
    (slug, *_) = [s for s in scheme_slugs() if Scheme.load(s).replacement]
    assert f'<a href="/?scheme={Scheme.load(slug).replacement}">' in page_of(client, slug)


def test_people_are_found_by_their_ids() -> None:
    assert person_of(USERS[1]) == BEN
    assert principal_of(USERS[2]) is CLEO.principal
    assert person_of("user-1") is None
    assert principal_of(None) is None
