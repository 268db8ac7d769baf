"""What each editor's configuration must say for the server to start: old text in, new text out."""

import json
import re
import tomllib
from typing import Any

from devstral_ls.errors import UsageError

NAME = "devstral-ls"

_NEOVIM = """\
-- Written by `devstral-ls setup nvim`; `:help devstral_ls` explains it, and it is yours to change.
vim.opt.runtimepath:append({plugin})
vim.cmd.runtime('plugin/devstral_ls.lua')
vim.lsp.config('devstral_ls', {{ cmd = {{ {program}, 'serve' }} }})
vim.lsp.enable('devstral_ls')

local devstral = require('devstral_ls')
vim.keymap.set('i', '<Tab>', function()
  return devstral.accept() and '' or '<Tab>'
end, {{ expr = true, desc = 'Accept the suggestion' }})
vim.keymap.set('i', '<M-w>', devstral.accept_word, {{ desc = 'Accept a word of the suggestion' }})
vim.keymap.set('i', '<M-l>', devstral.accept_line, {{ desc = 'Accept a line of the suggestion' }})
"""
_HELIX_SERVER = """\
[language-server.devstral-ls]
command = {program}
args = ["serve"]
"""
# What Helix asks for Python anyway; naming ours must not take the others away.
_HELIX_SERVERS = 'language-servers = ["devstral-ls", "ruff", "ty", "jedi", "pylsp"]'
_HELIX_PYTHON = f"""\
[[language]]
name = "python"
{_HELIX_SERVERS}
"""
# `python-base-mode` in the first list would make eglot call the language "python-base".
_EMACS = """\
;; Written by `devstral-ls setup emacs`, and yours to change.
(with-eval-after-load 'eglot
  (add-to-list 'eglot-server-programs '((python-mode python-ts-mode) {program} "serve")))
(add-hook 'python-base-mode-hook #'eglot-ensure)
;; Emacs 30 shows the suggestion in grey behind the cursor, and Tab takes it.
(when (fboundp 'completion-preview-mode)
  (add-hook 'python-base-mode-hook
            (lambda ()
              (setq-local completion-preview-minimum-symbol-length nil)
              (completion-preview-mode))))
(defun devstral-fix ()
  "Apply every proven fix."
  (interactive)
  (ignore-errors (eglot-code-actions (point-min) (point-max) "source.fixAll.devstral" t)))
;; To have them on save, take these semicolons away:
;; (add-hook 'python-base-mode-hook (lambda () (add-hook 'before-save-hook #'devstral-fix nil t)))
"""
_VSCODE_KEY = "devstral.server.path"

_TOML_TABLE = re.compile(r"^\s*\[", re.MULTILINE)
_TOML_LANGUAGE = re.compile(r"^[ \t]*\[\[language\]\][^\n]*\n", re.MULTILINE)
_TOML_SERVERS = re.compile(r"^[ \t]*language-servers\s*=\s*\[", re.MULTILINE)
_TOML_PYTHON = re.compile(r"^[ \t]*name\s*=\s*[\"']python[\"'][^\n]*\n", re.MULTILINE)
_EMACS_COMMENT = re.compile(r"^\s*;.*$", re.MULTILINE)
_EMACS_PROGRAM = re.compile(r'devstral-ls"\s+"serve"')
# A JSON string, or a comment outside one: what VS Code allows in its settings.
_JSON_STRING_OR_COMMENT = re.compile(r'"(?:\\.|[^"\\])*"|//[^\n]*|/\*.*?\*/', re.DOTALL)
_JSON_LAST_COMMA = re.compile(r",(\s*[}\]])")


def neovim(program: str, plugin: str) -> str:
    """A file for the folder `plugin/` of Neovim's configuration."""
    return _NEOVIM.format(plugin=_lua(plugin), program=_lua(program))


def helix(old: str, program: str) -> str:
    """`languages.toml` with the server in it, and asked first for Python; unchanged where it is there already."""
    configured = _toml(old)
    new = old
    if NAME not in configured.get("language-server", {}):
        new = _with_paragraph(new, _HELIX_SERVER.format(program=json.dumps(program, ensure_ascii=False)))
    python = _python(configured)
    if python is None:
        new = _with_paragraph(new, _HELIX_PYTHON)
    elif NAME not in _server_names(python):
        new = _with_server_for_python(new, is_list_there="language-servers" in python)
    changed = _python(_toml(new))
    if changed is None or NAME not in _server_names(changed):
        raise UsageError("languages.toml cannot be extended as it is written; use --print and add the lines by hand")
    return new


def emacs(old: str, program: str) -> str:
    """The init file with a paragraph about us at its end; unchanged where eglot is told already."""
    if _EMACS_PROGRAM.search(_EMACS_COMMENT.sub("", old)):
        return old
    return _with_paragraph(old, _EMACS.format(program=json.dumps(program, ensure_ascii=False)))


def vscode(old: str, program: str) -> str:
    """`settings.json` with the path of the server; its comments stay where they are."""
    settings = _json_with_comments(old)
    value = json.dumps(program, ensure_ascii=False)
    if settings.get(_VSCODE_KEY) == program:
        return old
    if _VSCODE_KEY in settings:
        raise UsageError(f"settings.json already sets {_VSCODE_KEY} to {settings[_VSCODE_KEY]!r}; change it there")
    line = f'    "{_VSCODE_KEY}": {value}'
    if not old.strip():
        return f"{{\n{line}\n}}\n"
    start = _without_comments(old).index("{") + 1
    return f"{old[:start]}\n{line}{',' if settings else ''}{old[start:]}"


def _lua(text: str) -> str:
    """A Lua string."""
    escaped = text.replace("\\", "\\\\").replace("'", "\\'")
    return f"'{escaped}'"


def _toml(text: str) -> dict[str, Any]:
    try:
        return tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise UsageError(f"languages.toml is not valid TOML: {error}; repair it first") from None


def _python(languages: dict[str, Any]) -> dict[str, Any] | None:
    """What languages.toml says about Python."""
    return next((each for each in languages.get("language", []) if each.get("name") == "python"), None)


def _server_names(language: dict[str, Any]) -> list[str]:
    """The servers of a language; each is a name or a table with one."""
    return [each if isinstance(each, str) else each["name"] for each in language.get("language-servers", [])]


def _with_paragraph(text: str, paragraph: str) -> str:
    """`text` and then `paragraph`, with one empty line between them."""
    return f"{text.rstrip()}\n\n{paragraph}" if text.strip() else paragraph


def _with_server_for_python(text: str, *, is_list_there: bool) -> str:
    """The paragraph about Python with our server first in its list."""
    for start in _TOML_LANGUAGE.finditer(text):
        following = _TOML_TABLE.search(text, start.end())
        end = following.start() if following else len(text)
        if (name := _TOML_PYTHON.search(text, start.end(), end)) is None:
            continue
        if not is_list_there:
            return f"{text[: name.end()]}{_HELIX_SERVERS}\n{text[name.end() :]}"
        if servers := _TOML_SERVERS.search(text, start.end(), end):
            return f'{text[: servers.end()]}"{NAME}", {text[servers.end() :]}'
    return text


def _json_with_comments(text: str) -> dict[str, Any]:
    """The object in a file where comments and a comma after the last entry are allowed."""
    plain = _JSON_LAST_COMMA.sub(r"\1", _without_comments(text)).strip() or "{}"
    try:
        settings = json.loads(plain)
    except json.JSONDecodeError as error:
        raise UsageError(f"settings.json is not valid: {error.msg} in line {error.lineno}; repair it first") from None
    if not isinstance(settings, dict):
        raise UsageError("settings.json holds no object; repair it first")
    return settings


def _without_comments(text: str) -> str:
    """`text` with spaces in place of its comments, so that every other character stays where it is."""

    def blank(found: re.Match[str]) -> str:
        return found[0] if found[0].startswith('"') else re.sub(r"[^\n]", " ", found[0])

    return _JSON_STRING_OR_COMMENT.sub(blank, text)
