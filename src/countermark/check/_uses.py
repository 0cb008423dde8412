"""The uses of schemes: which scheme signs or verifies where, and with which keys."""

from __future__ import annotations

from typing import Literal, NamedTuple

from countermark.keys._keyring import Key
from countermark.schemes._scheme import Scheme
from countermark.webhooks._scheme import WebhookScheme

Direction = Literal["signing", "verifying", "webhooks"]


class Use(NamedTuple):
    """A scheme with its keys, in one place.

    Attributes:
        where: The middleware or the variable.
        direction: The purpose of the keys; None: a variable, whose purpose is not known.
        scheme: The scheme.
        keys: The keys.
        environment: The environment of the keys, such as ``live``, or None.
    """

    where: str
    direction: Direction | None
    scheme: Scheme | WebhookScheme
    keys: tuple[Key, ...]
    environment: str | None = None

    @property
    def label(self) -> str:
        """The name of the scheme and the direction, for messages."""
        if isinstance(self.scheme, WebhookScheme):
            return f"{self.scheme.slug} (webhooks)"
        return f"{self.scheme.slug} ({self.direction})" if self.direction else self.scheme.slug

    @property
    def has_public_key(self) -> bool:
        """True if the vendor's public key verifies, and there is no secret."""
        return isinstance(self.scheme, WebhookScheme) and self.scheme.has_public_key

    @property
    def variable(self) -> str:
        """The conventional variable of the secret, or an empty text."""
        if isinstance(self.scheme, WebhookScheme):
            return self.scheme.secret.variable
        return self.scheme.variable
