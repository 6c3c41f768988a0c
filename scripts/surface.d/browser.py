"""Chromium, told to keep to itself, and a page of it that notes what it asked for and what went wrong."""

import contextlib
import shutil

import kit
from playwright.sync_api import sync_playwright

FLAGS = ["--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
         "--disable-component-update", "--disable-sync"]


@contextlib.contextmanager
def chromium(*flags):
    """A browser whose profile is new, empty and gone afterwards: playwright makes the folder."""
    with sync_playwright() as play:
        browser = play.chromium.launch(executable_path=shutil.which("chromium"), args=[*FLAGS, *flags])
        try:
            yield browser
        finally:
            browser.close()


class Page:
    """A page of its own context, with what it said and asked for."""

    def __init__(self, browser, **how):
        self.context = browser.new_context(**{"viewport": {"width": 1440, "height": 900}, **how})
        self.page = self.context.new_page()
        self.page.set_default_timeout(kit.PATIENCE * 1000)
        self.said, self.asked = [], []
        self.page.on("console", lambda it: self.said.append(f"{it.type}: {it.text} {it.location.get('url', '')}"))
        self.page.on("pageerror", lambda it: self.said.append(f"error: {it}"))
        self.page.on("request", lambda it: self.asked.append(it.url))

    def __getattr__(self, name):
        return getattr(self.page, name)

    def view(self, name):
        self.page.click(f'.views a[href="#{name}"]')
        self.page.wait_for_selector(f'section[data-view="{name}"]:not([hidden])')

    def wide(self):
        """How much wider than the window it is."""
        return self.page.evaluate("document.documentElement.scrollWidth - window.innerWidth")

    def errors(self):
        """What was complained of, but for answers that say no: those are asked for here."""
        return [it for it in self.said if it.startswith(("error", "warning")) and "Failed to load resource" not in it]
