"""Deliveries that the vendors' own JavaScript accepts, where Node and the packages are there."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

from tests.crosschecks.deliveries import accepts, bodies
from tests.webhooks.samples import SECRET, Delivery, base64, mac

NOW = 1_800_000_000
AGES = (0, -30, 30, -400, 400)


def same_answers(
    node: Any, slug: str, deliveries: list[tuple[Delivery, bool]], theirs: str = ""
) -> None:
    """Compare what both make of deliveries, each given with the expected answer."""
    job = [{"body": one.body.decode(), "headers": one.headers} for one, _ in deliveries]
    expected = [answer for _, answer in deliveries]
    assert node(theirs or slug, secret=SECRET, now=NOW, deliveries=job) == expected
    assert [accepts(slug, one, clock=lambda: NOW) for one, _ in deliveries] == expected


def test_coinbase(node: Any) -> None:
    deliveries = []
    for age in AGES:
        for body in bodies():
            at = NOW - age
            code = mac(SECRET.encode(), f"{at}.{body}".encode()).hex()
            headers = {"X-Hook0-Signature": f"t={at},v0={code}"}
            deliveries.append((Delivery(headers, body.encode()), abs(age) < 300))
            deliveries.append((Delivery(headers, f"{body}x".encode()), False))
    same_answers(node, "coinbase", deliveries, theirs="hook0")


def linear() -> Iterator[tuple[Delivery, bool]]:
    for age in AGES:
        content = {"webhookTimestamp": (NOW - age) * 1000, "action": "create", "text": "é用"}
        body = json.dumps(content, ensure_ascii=False).encode()
        headers = {"Linear-Signature": mac(SECRET.encode(), body).hex()}
        yield Delivery(headers, body), abs(age) < 60
        yield Delivery(headers, body + b" "), False
    for body in (b"{}", b'{"webhookTimestamp":"1800000000000"}', b'{"webhookTimestamp":null}'):
        yield Delivery({"Linear-Signature": mac(SECRET.encode(), body).hex()}, body), False


def test_linear(node: Any) -> None:
    same_answers(node, "linear", [*linear()])


def test_mux(node: Any) -> None:
    deliveries = []
    for age in (0, 30, 400):
        for body in bodies():
            at = NOW - age
            code = mac(SECRET.encode(), f"{at}.{body}".encode()).hex()
            headers = {"mux-signature": f"t={at},v1={'0' * 64},v1={code}"}
            deliveries.append((Delivery(headers, body.encode()), age < 300))
            deliveries.append((Delivery(headers, f"{body}x".encode()), False))
    same_answers(node, "mux", deliveries)


def of_json(header: str, prefix: str = "") -> list[tuple[Delivery, bool]]:
    """Return deliveries of JSON, some of which have another body than the signed one."""
    deliveries = []
    for text in bodies():
        body = json.dumps({"id": text}, ensure_ascii=False).encode()
        headers = {header: prefix + mac(SECRET.encode(), body).hex()}
        deliveries.append((Delivery(headers, body), True))
        deliveries.append((Delivery(headers, body + b" "), False))
    return deliveries


def test_github(node: Any) -> None:
    same_answers(node, "github", of_json("X-Hub-Signature-256", "sha256="))


def test_notion(node: Any) -> None:
    same_answers(node, "notion", of_json("X-Notion-Signature", "sha256="))


def test_onfido(node: Any) -> None:
    same_answers(node, "onfido", of_json("X-SHA2-Signature"))


def test_shopify(node: Any) -> None:
    deliveries = []
    for body in bodies():
        headers = {
            "x-shopify-hmac-sha256": base64(mac(SECRET.encode(), body.encode())),
            "x-shopify-topic": "orders/create",
            "x-shopify-api-version": "2026-10",
            "x-shopify-shop-domain": "a.myshopify.com",
            "x-shopify-webhook-id": "1",
        }
        deliveries.append((Delivery(headers, body.encode()), True))
        deliveries.append((Delivery(headers, f"{body}x".encode()), False))
    same_answers(node, "shopify", deliveries)
