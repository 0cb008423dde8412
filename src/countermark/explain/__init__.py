"""Explains why a token or a webhook is refused, by the mistake that leads to it."""

from countermark.explain._explain import explain as explain
from countermark.explain._explain import explain_webhook as explain_webhook
from countermark.mistakes._catalogue import MISTAKES as MISTAKES
from countermark.mistakes._catalogue import Mistake as Mistake
from countermark.mistakes._explanation import Explanation as Explanation
