"""Redis servers that are reached by TLS, as an ACL user, or by a Unix socket."""

from __future__ import annotations

import subprocess
from pathlib import Path

from tests.integration.redis_server import RedisServer


class Certificates:
    """A certificate authority of the tests, with certificates for a server and a client.

    Attributes:
        authority, stranger: Certificates of two authorities; the second has signed nothing.
        server, server_key, client, client_key: Certificates and keys, signed by the first. The
            server's is valid for ``localhost`` and ``127.0.0.1``.
    """

    def __init__(self, folder: Path, openssl: str = "openssl") -> None:
        self._folder, self._openssl = folder, openssl
        self.authority, self._authority_key = self._self_signed("authority")
        self.stranger, _ = self._self_signed("stranger")
        self.server, self.server_key = self._signed("server")
        self.client, self.client_key = self._signed("client")

    def _self_signed(self, name: str) -> tuple[Path, Path]:
        certificate, key = self._folder / f"{name}.crt", self._folder / f"{name}.key"
        self._run(
            "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-noenc",
            "-keyout", key, "-out", certificate, "-days", "2", "-subj", f"/CN={name} of the tests",
            "-addext", "keyUsage=critical,keyCertSign",
        )  # fmt: skip
        return certificate, key

    def _signed(self, name: str) -> tuple[Path, Path]:
        certificate, key = self._folder / f"{name}.crt", self._folder / f"{name}.key"
        self._run(
            "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-noenc",
            "-keyout", key, "-out", certificate, "-days", "2", "-subj", "/CN=localhost",
            "-CA", self.authority, "-CAkey", self._authority_key,
            "-addext", "subjectAltName=DNS:localhost,IP:127.0.0.1",
            "-addext", "basicConstraints=critical,CA:FALSE",
        )  # fmt: skip
        return certificate, key

    def _run(self, *arguments: str | Path) -> None:
        subprocess.run([self._openssl, *arguments], check=True, capture_output=True)


class TlsServer(RedisServer):
    """A server that speaks TLS only, and asks clients for a certificate.

    ``url`` has the client's certificate and the authority as options of redis-py.
    """

    def __init__(self, binary: str, folder: Path, certificates: Certificates) -> None:
        self.certificates = certificates
        options = {
            "ssl": True,
            "ssl_ca_certs": str(certificates.authority),
            "ssl_certfile": str(certificates.client),
            "ssl_keyfile": str(certificates.client_key),
        }
        super().__init__(binary, folder, credentials=options)
        # The last --port counts: no plain connections.
        self._options = [
            "--tls-port", str(self.port), "--port", "0", "--tls-auth-clients", "yes",
            "--tls-cert-file", str(certificates.server),
            "--tls-key-file", str(certificates.server_key),
            "--tls-ca-cert-file", str(certificates.authority),
        ]  # fmt: skip
        query = "&".join(f"{name}={value}" for name, value in options.items() if name != "ssl")
        self.url = f"rediss://localhost:{self.port}/0?{query}"


class AclServer(RedisServer):
    """A server on which the user ``app`` may do what *rules* allow, and no other user anything.

    Args:
        rules: The rules of the user without the password, such as ``["~countermark:*", "+eval"]``.
            By default all keys and commands.
    """

    USER, PASSWORD = "app", "a-password-of-the-tests"
    _ADMIN = "an-admin-password-of-the-tests"

    def __init__(self, binary: str, folder: Path, rules: list[str] | None = None) -> None:
        super().__init__(binary, folder, credentials={"username": "admin", "password": self._ADMIN})
        (folder / "users.acl").write_text(
            f"user default off\nuser admin on >{self._ADMIN} ~* &* +@all\n"
            f"user {self.USER} on >{self.PASSWORD} {' '.join(rules or ['~*', '&*', '+@all'])}\n"
        )
        self._options = ["--aclfile", str(folder / "users.acl")]
        self.url = f"redis://{self.USER}:{self.PASSWORD}@127.0.0.1:{self.port}/0"


class UnixServer(RedisServer):
    """A server that listens on a Unix socket only."""

    def __init__(self, binary: str, folder: Path) -> None:
        self.path = folder / "redis.sock"
        super().__init__(binary, folder, credentials={"unix_socket_path": str(self.path)})
        self._options = ["--port", "0", "--unixsocket", str(self.path)]
        self.url = f"unix://{self.path}?db=0"
