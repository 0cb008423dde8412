"""``countermark schemes``: the overview, and the details of one scheme."""

from __future__ import annotations

from datetime import date, timedelta

import pytest

from countermark.cli import _schemes, main
from countermark.schemes import Scheme, scheme_slugs
from countermark.webhooks import WebhookScheme
from countermark.webhooks._scheme import webhook_scheme_slugs


def printed(capsys: pytest.CaptureFixture[str], *arguments: str) -> str:
    assert main(["schemes", *arguments]) == 0
    return capsys.readouterr().out


def test_the_overview_has_a_line_for_each_scheme(capsys: pytest.CaptureFixture[str]) -> None:
    table, webhooks = printed(capsys).split("\n\n")
    heading, *lines = table.splitlines()
    assert heading.split() == ["scheme", "vendor", "token", "signed"]
    assert [line.split()[0] for line in lines] == scheme_slugs()
    by_slug = {line.split()[0]: line for line in lines}
    assert by_slug["intercom-hmac"].endswith("deprecated")
    assert by_slug["drift"].endswith("?")
    assert "JWT RS256" in by_slug["knock"]
    assert "{id}" in by_slug["stigg"]
    assert all(len(line) < 180 for line in (*lines, *webhooks.splitlines()))


def test_the_overview_has_a_line_for_each_format_of_webhooks(
    capsys: pytest.CaptureFixture[str],
) -> None:
    heading, *lines = printed(capsys).split("\n\n")[1].splitlines()
    assert heading.split() == ["scheme", "vendor", "proof", "signed"]
    by_slug = {line.split()[0].removeprefix("webhook:"): line for line in lines}
    assert list(by_slug) == webhook_scheme_slugs()
    assert "header stripe-signature: sha256, hex" in by_slug["stripe"]
    assert by_slug["stripe"].endswith("{timestamp}.{body}")


def test_the_details_of_a_scheme_contain_code_for_backend_and_front_end(
    capsys: pytest.CaptureFixture[str],
) -> None:
    text = printed(capsys, "stigg")
    for part in (
        "Stigg customer token (stigg)",
        "token       HMAC-SHA256, hex: HMAC-SHA256 {id}:{mac}",
        "secret      STIGG_SIGNING_SECRET",
        "header      Stigg-Customer-Token",
        "examples    2 of 2 reproduced",
        "https://docs.stigg.io/",
        'signer = Signer.from_env("stigg")',
        'const identity = (await response.json())["stigg"];',
        "stigg.setCustomerId(identity.customerId, identity.customerToken);",
    ):
        assert part in text
    assert "signing-secret-for-tests" not in text


@pytest.mark.parametrize(
    ("name", "parts"),
    [
        ("webhook:stigg", ["the secret itself, in the header", "signed      nothing"]),
        ("webhook:meta", ["WhatsApp", "token       META_VERIFY_TOKEN", "id          none: each"]),
        (
            "webhook:discord",
            ["key         DISCORD_PUBLIC_KEY", "tolerance   600 seconds", "ed25519"],
        ),
        ("webhook:cognito", ["id of key   COGNITO_API_KEY", "(request-target) date digest"]),
        ("webhook:mailgun", ["signature.signature in the body", "signed      {timestamp}{id}"]),
        ("webhook:slack", ["signed      v0:{timestamp}:{body}", "tolerance   300 seconds"]),
        ("webhook:github", ["id          header x-github-delivery"]),
        ("webhook:twilio", ['from_env("twilio", base_url="https://hooks.example.com")\n']),
        ("webhook:standard-webhooks-ed25519", ["private key WEBHOOKS_PRIVATE_KEY"]),
    ],
)
def test_the_details_of_a_webhook_format_contain_its_proof_and_its_variables(
    capsys: pytest.CaptureFixture[str], name: str, parts: list[str]
) -> None:
    text = printed(capsys, name)
    assert f"({name.removeprefix('webhook:')})\n\nproof " in text
    for part in (*parts, "notes ", "source ", "verifier = WebhookVerifier.from_env("):
        assert part in text


def test_an_unknown_webhook_format_is_refused(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["schemes", "webhook:githab"]) == 2
    assert capsys.readouterr().err.startswith("unknown webhook scheme")


def test_the_name_of_a_webhook_scheme_alone_is_refused_with_a_hint(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert main(["schemes", "intercom"]) == 2
    error = capsys.readouterr().err
    assert "similar: intercom-jwt, intercom-hmac; " in error
    assert error.endswith("; webhook:intercom is a webhook scheme\n")


@pytest.mark.parametrize(
    ("slug", "parts"),
    [
        ("sigma", ["3600 seconds, at most 2592000", "client_id (SIGMA_EMBED_CLIENT_ID)"]),
        ("drift", ["does not expire, unless lifetime= is given", "none published", "not sure"]),
        ("cognito-flow", ["deprecated: use Plaid Link"]),
        ("metabase-static", ["resource (object), params (object)"]),
        ("zoho-thrive", ["ambiguous   in '{email}{id}' nothing separates"]),
        (
            "disqus",
            ["payload json of id={id}, username={name},", "avatar={avatar_url?} in base64"],
        ),
        ("unchurn", ["payload text of", "{settings.merchant_id}:{subscription_id}:"]),
        ("pusher-user", ["with payload json of id={id}, watchlist={pusher_watchlist?}\n"]),
        ("pusher", ["compared    published example, npm pusher, PyPI pusher\n"]),
        ("pylon", ["hex, key in hex"]),
        ("loyaltylion", ["SHA1 with suffix"]),
        ("tinybird", ["scopes=[{type=PIPES:READ, resource={settings.pipe}, fixed_params.user_id="]),
        ("crisp", ["user:email=[{email}, {token}]"]),
        ("ably", ["base64: JSON", "settings={'key_name': '…'}"]),
        (
            "braze",
            ["rotation    the old secret stays valid until you remove it\n", "repo braze-inc"],
        ),
        (
            "stigg",
            [
                "rotation    not known how long the old secret stays valid\n",
                "compared    own computation\n",
            ],
        ),
    ],
)
def test_the_details_contain_the_particulars_of_a_scheme(
    capsys: pytest.CaptureFixture[str], slug: str, parts: list[str]
) -> None:
    text = printed(capsys, slug)
    for part in parts:
        assert part in text


def test_an_unknown_scheme_is_an_error_with_a_hint(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["schemes", "intercom"]) == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert "similar: intercom-" in err
    assert "Traceback" not in err


@pytest.mark.parametrize("slug", scheme_slugs())
def test_the_details_of_every_scheme_can_be_printed(
    capsys: pytest.CaptureFixture[str], slug: str
) -> None:
    text = printed(capsys, slug)
    assert f"({slug})" in text
    assert "NO" not in text.split("examples")[1].splitlines()[0]


@pytest.fixture
def today(monkeypatch: pytest.MonkeyPatch) -> date:
    """Return a day on which all readings are more than a year old, and set it as today."""
    day = max(Scheme.load(slug).read or date.min for slug in scheme_slugs()) + timedelta(400)
    monkeypatch.setattr(_schemes, "_today", lambda: day)
    return day


def test_no_source_is_due_within_a_year_after_it_was_read(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    first = min(Scheme.load(slug).read or date.min for slug in scheme_slugs())
    monkeypatch.setattr(_schemes, "_today", lambda: first + timedelta(365))
    assert printed(capsys, "--due") == ""
    assert "due" not in printed(capsys, "stigg")


def test_a_source_that_was_read_more_than_a_year_ago_is_due(
    capsys: pytest.CaptureFixture[str], today: date
) -> None:
    assert main(["schemes", "--due"]) == 1
    lines = capsys.readouterr().out.splitlines()
    stigg, github = Scheme.load("stigg"), WebhookScheme.load("github")
    assert f"stigg: read {stigg.read}: {', '.join(stigg.source)}" in lines
    assert f"github: read {github.read}: {', '.join(github.source)}" in lines
    assert "; due, as that is more than a year ago" in printed(capsys, "stigg")
    for table in printed(capsys).split("\n\n"):
        assert {line.split()[-1] for line in table.splitlines()[1:]} == {"due"}
    assert "more than a year ago" not in printed(capsys, "--markdown")


def test_a_scheme_and_the_list_of_what_is_due_exclude_each_other(
    capsys: pytest.CaptureFixture[str],
) -> None:
    with pytest.raises(SystemExit, match="2"):
        main(["schemes", "stigg", "--due"])
    assert "not allowed with argument" in capsys.readouterr().err
