"""The JSON Schemas of files of schemes, made of the parsers' own constants.

``python -m tests.project.json_schemas`` writes both into the package.
"""

from __future__ import annotations

import json
from pathlib import Path

from tests.project import signing_schema, webhook_schema

_PACKAGE = Path(__file__).resolve().parents[2] / "src" / "countermark"
#: The files of the package, and the schemas that belong into them.
SCHEMAS = {
    _PACKAGE / "schemes" / "signing-scheme.schema.json": signing_schema.schema(),
    _PACKAGE / "webhooks" / "webhook-scheme.schema.json": webhook_schema.schema(),
}


def as_json(schema: dict[str, object]) -> str:
    """Return the content of a file."""
    return json.dumps(schema, indent=2) + "\n"


if __name__ == "__main__":
    for path, schema in SCHEMAS.items():
        path.write_text(as_json(schema), encoding="utf-8")
