import logging
import re

TOKEN = re.compile(r"/links/[^/\s]+")  # who reads a log shall not come in by it


class OneLine(logging.Formatter):
    """One event, one line: text from outside cannot start a line of its own."""

    def format(self, record: logging.LogRecord) -> str:
        text = "\\n".join(super().format(record).splitlines())
        return TOKEN.sub("/links/…", text)
