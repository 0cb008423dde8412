"""Schemes: how each vendor wants an identity to be signed."""

from countermark.schemes._catalogue import scheme_slugs as scheme_slugs
from countermark.schemes._scheme import Scheme as Scheme
