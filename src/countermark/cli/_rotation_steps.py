"""The steps of a rotation, by what the catalogue says of a scheme."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator

from countermark.cli._scheme_argument import named_scheme, named_webhook_scheme
from countermark.errors import ConfigurationError
from countermark.schemes._scheme import Scheme
from countermark.webhooks._scheme import WebhookScheme


def rotation_of(name: str, environment: str | None, *, watched: bool) -> Steps:
    """Return the steps for a scheme.

    Args:
        name: The name of a scheme or the path of a TOML file, or that of a webhook scheme after
            ``webhook:``.
        environment: The environment, or None.
        watched: Whether the services watch the files of their secrets.

    Raises:
        ConfigurationError: The scheme names no variable, or no secret of it is of the environment.
    """
    steps: Steps
    webhook = named_webhook_scheme(name)
    if webhook is not None:
        steps = WebhookSteps(name, webhook, environment, watched=watched)
    else:
        steps = TokenSteps(named_scheme(name), environment, watched=watched)
    if not steps.variable:
        raise ConfigurationError(
            f"{steps.slug} names no environment variable for its secret; docs/rotation.md has the"
            " steps for a keyring of your own"
        )
    return steps


class Steps(ABC):
    """The steps that rotations have in common: the key that verifies, in its three roles."""

    #: Whether users choose the secret.
    is_chosen = False
    #: The pages that describe how the vendor replaces secrets.
    sources: tuple[str, ...] = ()
    # The words for the key that signs and the one that verifies.
    signing_key = verifying_key = "secret"

    def __init__(self, slug: str, variable: str, environment: str | None, *, watched: bool) -> None:
        self.slug, self.variable, self.environment = slug, variable, environment
        self._watched = watched

    @property
    def title(self) -> str:
        """The line above the steps."""
        where = f" in {self.environment}" if self.environment else ""
        return f"A new {self.signing_key} for {self.slug}{where}, in {self.variable}:"

    def steps(self) -> Iterator[str]:
        """Yield the steps, each as one line."""
        name, key = self.variable, self.verifying_key
        yield self._new()
        yield (
            f"Services that verify: {self._set(f'{name}_NEXT', f'the new {key}')} Go on when all of"
            " them have it."
        )
        yield from self._switch()
        yield f"Services that verify: {self._promote()}"
        yield self._wait()
        yield f"Services that verify: {self._remove(f'{name}_PREVIOUS')}"
        yield f"Withdraw the old {key} at the vendor, and delete it where it is stored."

    def _new(self) -> str:
        if self.is_chosen:
            return f"Make a new {self.signing_key}: countermark keygen {self.slug}."
        return f"Let the vendor issue a new {self.signing_key}."

    @abstractmethod
    def _switch(self) -> Iterator[str]:
        """Yield the steps after which tokens of the new key come."""

    @abstractmethod
    def _wait(self) -> str:
        """Return the step after which no token of the old key is left."""

    def _set(self, variable: str, value: str) -> str:
        if self._watched:
            return (
                f"replace the file of {variable}_FILE with one that has {value}. The event rotated"
                f" reports the ids of the keys in use; there is none if {variable}_FILE was not set"
                " when they started."
            )
        return f"set {variable} to {value}, and restart them."

    def _promote(self) -> str:
        name, key = self.variable, self.verifying_key
        if self._watched:
            return (
                f"put the old {key} into the file of {name}_PREVIOUS_FILE, then the new one into"
                f" that of {name}_FILE, and then remove that of {name}_NEXT_FILE; or replace all"
                " three at once, as Kubernetes does."
            )
        return (
            f"set {name} to the new {key} and {name}_PREVIOUS to the old one, remove {name}_NEXT,"
            " and restart them."
        )

    def _remove(self, variable: str) -> str:
        if self._watched:
            return f"remove the file of {variable}_FILE. The event rotated reports it."
        return f"remove {variable}, and restart them."


class TokenSteps(Steps):
    """The steps for a scheme of tokens, which services sign.

    Raises:
        ConfigurationError: No secret of the scheme is of the environment.
    """

    def __init__(self, scheme: Scheme, environment: str | None, *, watched: bool) -> None:
        super().__init__(scheme.slug, scheme.variable, environment, watched=watched)
        shown = scheme.environments
        if shown and environment is not None and environment not in shown:
            raise ConfigurationError(
                f"{scheme.slug}: its secrets show their environment, which is one of"
                f" {', '.join(shown)}; pass one of them to --environment"
            )
        self._scheme, self._rotation = scheme, scheme.rotation
        self._prefixes = shown.get(environment or "", ())
        self.is_chosen, self.sources = scheme.secret_is_chosen, scheme.rotation.source
        if scheme.jwt is not None and not scheme.jwt.algorithm.startswith("HS"):
            self.signing_key, self.verifying_key = "private key", "public key"
            self.is_chosen = True

    def _new(self) -> str:
        text = super()._new()
        if self._prefixes:
            if self.is_chosen:
                text = f"{text.removesuffix('.')} --environment {self.environment}."
            text += f" It begins with {' or '.join(self._prefixes)}."
        if self._rotation.shown_once:
            text += " The vendor shows it a single time."
        return text if self.is_chosen else f"{text} {self._overlap()}"

    def _overlap(self) -> str:
        """Return what becomes of the old key when the vendor has the new one."""
        sentences = {
            "both": "The old one stays valid until you remove it.",
            "chosen": "Choose a time after the last step until which the old one stays valid.",
            "grace": (
                f"The old one stays valid for {self._rotation.grace or 0:,} seconds: the services"
                " that sign must change within them."
            ),
            "none": (
                "The old one is invalid from then on, so choose a quiet time, and go on without a"
                " pause."
            ),
            "unknown": (
                "The catalogue does not say how long the old one stays valid: see the vendor's"
                " documentation before. If it is invalid at once, choose a quiet time, and go on"
                " without a pause."
            ),
        }
        return sentences[self._rotation.overlap]

    def _switch(self) -> Iterator[str]:
        name, key = self.variable, self.verifying_key
        if self.is_chosen:
            yield f"Make the vendor accept the new {key}. {self._overlap()}"
        else:
            yield f"Make the vendor accept the new {key}, if it does not do so yet."
        yield (
            f"Services that sign: {self._set(name, f'the new {self.signing_key}')} They need"
            f" neither {name}_NEXT nor {name}_PREVIOUS. Those that verify too take the next step"
            " instead of this one."
        )

    def _wait(self) -> str:
        option = f" --environment {self.environment}" if self.environment else ""
        report = (
            f"countermark rollout --scheme {self.slug}{option} prints 'previous key still used:"
            " no' when no request of the last 7 days (--days) had a token of the old one. Ask at"
            " least as many days after the step before: until then such requests were counted for"
            " the current key."
        )
        key = self.verifying_key
        if not self._scheme.expires:
            return (
                f"Wait until no token of the old {key} is in use. Tokens of this scheme do not"
                f" expire: pages that are open keep theirs until they are loaded again. {report}"
            )
        if self._scheme.lifetime is None:
            return (
                f"Wait until no token of the old {key} is in use: for the lifetime= that your"
                " signers give to tokens. Without one they do not expire, and pages that are open"
                f" keep theirs until they are loaded again. {report}"
            )
        return (
            f"Wait until the tokens of the old {key} have expired: {self._scheme.lifetime:,}"
            " seconds,"
            f" unless your signers set another lifetime=, and the leeway of the verifiers. {report}"
        )


class WebhookSteps(Steps):
    """The steps for webhooks, which the vendor signs."""

    def __init__(
        self, name: str, scheme: WebhookScheme, environment: str | None, *, watched: bool
    ) -> None:
        secret = scheme.secret
        super().__init__(name, secret.variable, environment, watched=watched)
        self.is_chosen = secret.is_chosen
        # The variable of the id under which the vendor names the key; empty if it names none.
        self._ids = secret.key_id_variable
        if scheme.has_public_key:
            self.signing_key = self.verifying_key = "public key"

    def _new(self) -> str:
        text = super()._new()
        if self.is_chosen:
            return text
        return (
            f"{text} If deliveries are signed with the new key at once, they are refused until all"
            " services have it; look up whether the vendor repeats them."
        )

    def _set(self, variable: str, value: str) -> str:
        return super()._set(variable, value) + self._with_ids(f"set {self._ids}_NEXT to its id")

    def _promote(self) -> str:
        change = (
            f"set {self._ids} to the new id and {self._ids}_PREVIOUS to the old one, and remove"
        )
        return super()._promote() + self._with_ids(f"{change} {self._ids}_NEXT")

    def _remove(self, variable: str) -> str:
        return super()._remove(variable) + self._with_ids(f"remove {self._ids}_PREVIOUS")

    def _with_ids(self, change: str) -> str:
        """Return the change of the ids that comes with one of the keys."""
        if not self._ids:
            return ""
        if self._watched:
            return f" Also {change}, and restart them, as ids are not watched."
        return f" With the same restart, {change}."

    def _switch(self) -> Iterator[str]:
        yield "Make the vendor sign with the new key. Deliveries with either are accepted now."

    def _wait(self) -> str:
        return (
            "Wait until the vendor no longer repeats deliveries that it signed with the old key:"
            " no VerifiedWebhook has the role previous any more."
        )
