"""Signatures equal those of RFC 4231, of Node and of OpenSSL."""

from __future__ import annotations

import base64
import json
import random
import shutil
import subprocess
from collections.abc import Callable, Iterator
from importlib.resources import files

import pytest

from countermark import Keyring, SecretKey, Signer

SECRET = "a-secret-of-the-tests-with-enough-bytes"

NODE = """
const { createHmac } = require("node:crypto");
const { secret, ids } = JSON.parse(require("node:fs").readFileSync(0, "utf8"));
const mac = (id, encoding) => createHmac("sha256", secret).update(id, "utf8").digest(encoding);
const tokens = (id) => [`HMAC-SHA256 ${id}:${mac(id, "hex")}`, mac(id, "base64")];
console.log(JSON.stringify(ids.map(tokens)));
"""


def rfc4231(algorithm: str) -> Iterator[tuple[bytes, bytes, str]]:
    """Read the vectors of one hash: key, message, MAC in hexadecimal."""
    path = files("cryptography_vectors") / "HMAC" / f"rfc-4231-{algorithm}.txt"
    entry: dict[str, str] = {}
    for line in path.read_text().splitlines():
        name, _, value = line.partition(" = ")
        entry[name] = value
        if name == "MD":
            length = int(entry["Len"]) // 8
            yield bytes.fromhex(entry["Key"]), bytes.fromhex(entry["Msg"])[:length], value


@pytest.mark.parametrize("algorithm", ["sha256", "sha512"])
def test_rfc_4231(algorithm: str) -> None:
    vectors = list(rfc4231(algorithm))
    assert len(vectors) == 6
    for key, message, mac in vectors:
        inner, outer = SecretKey(key).hmac_states(algorithm)
        inner.update(message)
        outer.update(inner.digest())
        assert outer.hexdigest() == mac


def random_ids(count: int, *, ascii_only: bool) -> list[str]:
    chance = random.Random(4231)
    alphabet = [chr(c) for c in range(0x21, 0x7F)]
    if not ascii_only:
        alphabet += [chr(c) for c in (*range(0xA1, 0x250), *range(0x4E00, 0x4F00), 0x1F600)]
    return ["".join(chance.choices(alphabet, k=chance.randrange(1, 101))) for _ in range(count)]


def test_a_thousand_ids_equal_nodes_crypto() -> None:
    node = shutil.which("node")
    if node is None:
        pytest.skip("Node is not installed")
    ids = random_ids(1000, ascii_only=True)
    ran = subprocess.run(
        [node, "-e", NODE],
        input=json.dumps({"secret": SECRET, "ids": ids}),
        capture_output=True,
        text=True,
        check=True,
        timeout=60,
    )
    stigg, flow = Signer("stigg", Keyring(SECRET)), Signer("cognito-flow", Keyring(SECRET))
    assert [[stigg.sign(id), flow.sign(id)] for id in ids] == json.loads(ran.stdout)


def test_a_thousand_ids_equal_openssl(need_binary: Callable[[str], str]) -> None:
    openssl = need_binary("openssl")
    signer = Signer("cognito-flow", Keyring(SECRET))
    ids = random_ids(1000, ascii_only=False)
    for chunk in (ids[at : at + 50] for at in range(0, 1000, 50)):
        assert [signer.sign(id) for id in chunk] == openssl_macs(openssl, chunk)


def openssl_macs(openssl: str, ids: list[str]) -> list[str]:
    """Ask the program for the MACs of *ids*, in parallel, each in base64."""
    running = [
        subprocess.Popen(
            [openssl, "dgst", "-sha256", "-hmac", SECRET, "-binary"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
        )
        for _ in ids
    ]
    outputs = [
        process.communicate(id.encode(), timeout=60)[0]
        for process, id in zip(running, ids, strict=True)
    ]
    return [base64.b64encode(output).decode() for output in outputs]
