"""Write the server's settings into package.json, from the one place that declares them: `devstral_ls/config.py`.

python editors/vscode/settings.py           write
python editors/vscode/settings.py --check   only say whether they are in step (exit code 1 when not)
"""

import json
import sys
from dataclasses import Field, fields
from pathlib import Path
from typing import Any

PACKAGE = Path(__file__).parent / "package.json"
sys.path.insert(0, str(PACKAGE.parent.parent.parent))

from devstral_ls.config import Settings  # noqa: E402  this checkout's, installed or not

JSON_TYPES = {bool: "boolean", int: "integer", float: "number", str: "string"}
# What the extension itself must know before there is a server. Programs are never named by a workspace: machine scope.
OWN = {
    "devstral.server.path": {
        "type": "string",
        "default": "",
        "scope": "machine",
        "markdownDescription": "The `devstral-ls` program; empty looks on the PATH, then in the extension's folder.",
    },
    "devstral.server.python": {
        "type": "string",
        "default": "",
        "scope": "machine",
        "markdownDescription": "The Python, 3.11 or newer, that installs the server; empty looks on the PATH.",
    },
}


def properties() -> dict[str, Any]:
    """The schema of every setting that a VS Code user sees."""
    return OWN | {f"devstral.{setting.name}": schema(setting) for setting in fields(Settings)}


def schema(setting: Field[Any]) -> dict[str, Any]:
    """One setting of the server as JSON schema."""
    told = setting.metadata
    result: dict[str, Any] = json_type(setting.type)
    result["default"] = list(setting.default) if isinstance(setting.default, tuple) else setting.default
    result["scope"] = "machine" if told.get("scope") == "user" else "resource"
    result["markdownDescription"] = told["doc"]
    for ours, theirs in (("choices", "enum"), ("minimum", "minimum"), ("maximum", "maximum")):
        if ours in told:
            result[theirs] = list(told[ours]) if ours == "choices" else told[ours]
    return result


def json_type(type_: Any) -> dict[str, Any]:
    """A Python type as JSON schema; a tuple is a list of strings or of objects."""
    if type_ in JSON_TYPES:
        return {"type": JSON_TYPES[type_]}
    return {"type": "array", "items": {"type": "string" if type_ == tuple[str, ...] else "object"}}


def expected() -> str:
    """package.json with today's settings."""
    package = json.loads(PACKAGE.read_text(encoding="utf-8"))
    package["contributes"]["configuration"]["properties"] = properties()
    return json.dumps(package, indent=2, ensure_ascii=False) + "\n"


if __name__ == "__main__":
    if "--check" in sys.argv:
        sys.exit("package.json is behind; run settings.py" if expected() != PACKAGE.read_text(encoding="utf-8") else 0)
    PACKAGE.write_text(expected(), encoding="utf-8")
