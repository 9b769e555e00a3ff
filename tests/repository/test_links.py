"""Links between pages lead somewhere."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

import pytest

pytestmark = pytest.mark.checkout

ROOT = Path(__file__).resolve().parents[2]
LINK = re.compile(r"(?<!!)\[[^\]]*\]\(([^)\s]+)\)|!\[[^\]]*\]\(([^)\s]+)\)")
CODE = re.compile(r"^(```|~~~).*?^\1", re.MULTILINE | re.DOTALL)


def _pages() -> list[Path]:
    listed = subprocess.run(
        ["git", "ls-files", "-z", "*.md"], cwd=ROOT, capture_output=True, check=True
    ).stdout.decode()
    return [ROOT / name for name in listed.split("\0") if name and (ROOT / name).is_file()]


def anchors(text: str) -> set[str]:
    """Return the anchors of the headings of a page, as forges make them."""
    headings = re.findall(r"^#{1,6} +(.+?) *#*$", CODE.sub("", text), re.MULTILINE)
    plain = (re.sub(r"[^\w\- ]", "", heading.replace("`", "").lower()) for heading in headings)
    return {one.replace(" ", "-") for one in plain}


def broken_links(page: Path, text: str) -> list[str]:
    """Return the relative links of a page that lead nowhere: to no file, out of the checkout, or to no heading."""
    broken = []
    for match in LINK.finditer(CODE.sub("", text)):
        link = match.group(1) or match.group(2)
        if re.match(r"[a-z][a-z0-9+.-]*:", link):
            continue
        path, _, anchor = link.partition("#")
        target = (page.parent / path).resolve() if path else page
        if not target.exists() or not target.is_relative_to(ROOT):
            broken.append(link)
        elif anchor and target.suffix == ".md":
            found = text if target == page else target.read_text(encoding="utf-8")
            if anchor not in anchors(found):
                broken.append(link)
    return broken


def test_relative_links_lead_somewhere() -> None:
    pages = _pages()
    assert ROOT / "README.md" in pages
    found = {str(page.relative_to(ROOT)): broken_links(page, page.read_text(encoding="utf-8")) for page in pages}
    assert {page: links for page, links in found.items() if links} == {}


def test_a_broken_link_is_found() -> None:
    good = "# One `two`\n[a](#one-two) [b](LICENSE) [c](https://example.net/x)\n"
    text = good + "[d](nowhere.md) ![e](#three)\n```\n[f](no)\n```\n"
    assert broken_links(ROOT / "README.md", text) == ["nowhere.md", "#three"]
