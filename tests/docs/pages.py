"""The pages of the documentation as tests read them: headings, links, boxes and fenced snippets."""

import re
from collections import Counter
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

ROOT = Path(__file__).parent.parent.parent
FENCED = re.compile(r"^```(.*)\n((?:.*\n)*?)```$", re.MULTILINE)
HEADING = re.compile(r"^#{1,6} +(.+?) *$", re.MULTILINE)
LINK = re.compile(r"\[[^\]]*\]\(([^)\s]+)\)")
BOX = re.compile(r"^ *- \[[ x]\] (.+(?:\n {2,}(?!- ).+)*)", re.MULTILINE)
IN_LINE = re.compile(r"`([^`\n]+)`")


@dataclass(frozen=True)
class Snippet:
    """A fenced block. `line` is that of the fence."""

    page: Path
    line: int
    kind: str
    text: str


@dataclass(frozen=True)
class Page:
    path: Path

    @cached_property
    def text(self) -> str:
        return self.path.read_text()

    @cached_property
    def prose(self) -> str:
        """Everything but the snippets."""
        return FENCED.sub("", self.text)

    def snippets(self) -> list[Snippet]:
        """Return the fenced blocks in their order. ValueError if a fence is left open."""
        found = list(FENCED.finditer(self.text))
        if len(found) * 2 != len(re.findall("^ *```", self.text, re.MULTILINE)):
            raise ValueError(f"{self.path.name} has a fence that is open or indented")
        return [
            Snippet(self.path, self.text.count("\n", 0, each.start()) + 1, *each.groups())
            for each in found
        ]

    def links(self) -> list[str]:
        return LINK.findall(self.prose)

    def boxes(self) -> list[str]:
        return BOX.findall(self.prose)

    def anchors(self) -> set[str]:
        """Return the fragments of its headings, as GitHub makes them."""
        anchors, seen = set(), Counter[str]()
        for heading in HEADING.findall(self.prose):
            slug = re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-")
            anchors.add(f"{slug}-{seen[slug]}" if seen[slug] else slug)
            seen[slug] += 1
        return anchors


def all_pages() -> list[Page]:
    return [Page(path) for path in (ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md")))]
