"""A real browser for tests: Debian's Chromium, what it complains about, and axe's findings."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cache
from importlib.resources import files
from pathlib import Path
from threading import Thread
from typing import Any
from urllib.parse import urlsplit

from flask import Flask
from playwright.sync_api import Browser, BrowserContext, Page, Request, expect, sync_playwright
from werkzeug.serving import make_server

CHROMIUM = Path("/usr/bin/chromium")
_PATIENCE_MILLISECONDS = 30_000
_ARGUMENTS = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-dev-shm-usage",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--no-first-run",
)
_RULES = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa"]
_RUN_AXE = """rules => axe.run(document, {runOnly: rules}).then(found =>
  found.violations.flatMap(one => one.nodes.map(node => `${one.id}: ${node.target.join(" ")}`)))"""


@dataclass(slots=True)
class Complaints:
    """What a browser has complained about: broken policies, errors on pages, requests to elsewhere."""

    policy: list[str] = field(default_factory=list)
    errors: list[str] = field(default_factory=list)
    outside: list[str] = field(default_factory=list)

    def __bool__(self) -> bool:
        return bool(self.policy or self.errors or self.outside)


@contextmanager
def chromium() -> Iterator[Browser]:
    """Start Chromium; what a test expects may take its time on a busy machine."""
    expect.set_options(timeout=_PATIENCE_MILLISECONDS)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=str(CHROMIUM), args=list(_ARGUMENTS))
        try:
            yield browser
        finally:
            browser.close()


@contextmanager
def serving(app: Flask) -> Iterator[str]:
    """Serve an application on a free port of this machine; give its address."""
    server = make_server("127.0.0.1", 0, app, threaded=True)
    thread = Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def watched(context: BrowserContext, address: str) -> tuple[Page, Complaints]:
    """Open a page whose complaints are gathered."""
    complaints = Complaints()
    page = context.new_page()

    def on_request(request: Request) -> None:
        if not request.url.startswith((address, "data:", "blob:")):
            complaints.outside.append(request.url)

    def on_console(message: Any) -> None:
        if "Content Security Policy" in message.text:
            complaints.policy.append(message.text)
        elif message.type == "error" and "the server responded with a status of" not in message.text:
            complaints.errors.append(message.text)

    page.on("request", on_request)
    page.on("console", on_console)
    page.on("pageerror", lambda error: complaints.errors.append(str(error)))
    return page, complaints


@cache
def _axe() -> str:
    return files("axe_playwright_python").joinpath("axe.min.js").read_text(encoding="utf-8")


def axe_findings(page: Page) -> list[str]:
    """Give what axe finds against WCAG 2.2 A and AA once the page has come whole; axe gets past the page's own policy."""
    page.wait_for_load_state()
    if not page.evaluate("'axe' in window"):
        page.evaluate(_axe())
    found: list[str] = page.evaluate(_RUN_AXE, _RULES)
    return [f"{urlsplit(page.url).path} {finding}" for finding in found]


def sign_in(page: Page, address: str, login: str, password: str) -> None:
    """Sign in by the form, and wait until the page behind it has come whole."""
    page.goto(f"{address}/sign-in")
    page.get_by_label("Name").fill(login)
    page.get_by_label("Password").fill(password)
    page.get_by_role("button", name="Sign in").click()
    page.wait_for_url(lambda url: urlsplit(url).path != "/sign-in")
