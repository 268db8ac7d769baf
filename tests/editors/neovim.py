"""A real Neovim without a screen, driven over its own API."""

from contextlib import suppress
from pathlib import Path
from typing import Any

import pynvim
from editor_fixtures import until

# The line and what is shown behind it, of one moment.
SEEN = """
local namespace = vim.api.nvim_get_namespaces()['nvim.lsp.inline_completion']
local text = ''
for _, mark in ipairs(namespace and vim.api.nvim_buf_get_extmarks(0, namespace, 0, -1, { details = true }) or {}) do
  text = text .. (mark[4].virt_text and mark[4].virt_text[1][1] or '')
  for _, line in ipairs(mark[4].virt_lines or {}) do
    text = text .. '\\n' .. (line[1] and line[1][1] or '')
  end
end
return { vim.api.nvim_get_current_line(), text }
"""


class Neovim:
    """One editor; `close` it."""

    def __init__(self, program: Path, init: Path, file: Path) -> None:
        argv = [str(program), "--clean", "-u", str(init), "--embed", "--headless", str(file)]
        self.nvim = pynvim.attach("child", argv=argv)
        self.pid: int = self.nvim.call("getpid")

    def close(self) -> None:
        with suppress(EOFError, OSError):  # it answers by closing the pipe
            self.nvim.command("qall!")

    def press(self, keys: str) -> None:
        self.nvim.input(keys)

    def lua(self, code: str, *arguments: Any) -> Any:
        return self.nvim.exec_lua(code, *arguments)

    def text(self) -> str:
        return "\n".join(self.nvim.current.buffer) + "\n"

    def line(self) -> str:
        return str(self.nvim.current.line)

    def type(self, text: str, *, shows: str) -> None:
        """Type `text` in insert mode, and wait for the ghost text `shows` behind it.

        Other ghost text may flash by before: what was suggested while the last keys were still on their way.
        """
        self.press(text)
        until(lambda: self._is_shown(text, shows), f"the ghost text {shows!r}", instead=lambda: str(self.lua(SEEN)))

    def _is_shown(self, typed: str, shows: str) -> bool:
        line, ghost_text = self.lua(SEEN)
        return bool(line.endswith(typed) and ghost_text == shows)

    def client_id(self) -> int | None:
        """The number of the client that serves this buffer, once the server has answered."""
        found = self.lua(
            "local c = vim.lsp.get_clients({ name = 'devstral_ls', bufnr = 0 })[1] return c and c.initialized and c.id"
        )
        return int(found) if found else None

    def wait_for_server(self) -> int:
        number = until(self.client_id, "an attached server", instead=self.messages)
        assert number is not None
        return number

    def messages(self) -> str:
        return str(self.nvim.call("execute", "messages"))
