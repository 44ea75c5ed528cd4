import gc
import logging
import os
from collections.abc import Iterable
from typing import Any

from django.core.wsgi import get_wsgi_application
from django.utils.http import parse_header_parameters

from config import environment

environment.read_env_file()
os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")

desk = get_wsgi_application()
gc.freeze()  # what is loaded by now stays, and need not be looked through for garbage
logger = logging.getLogger(__name__)


def application(environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
    """Answer 400 to a charset other than UTF-8.

    Django reads no form in another, and its page that says so reads the form again. Some charsets
    it fails at before any middleware. JSON is always UTF-8, so no webhook is turned away.
    """
    kind = environ.get("CONTENT_TYPE", "")
    if ";" in kind and not is_utf_8(kind):
        if kind.partition(";")[0].strip().lower() != "application/json":
            logger.warning("Bad Request: %s in %s", environ.get("PATH_INFO"), kind)
            start_response("400 Bad Request", [("Content-Type", "text/plain")])
            return [b"The request has to be in UTF-8."]
        environ = {**environ, "CONTENT_TYPE": "application/json"}
    return desk(environ, start_response)


def is_utf_8(content_type: str) -> bool:
    try:
        _kind, more = parse_header_parameters(content_type)
    except ValueError:  # a name that nobody can read, in a charset that nobody knows
        return False
    return more.get("charset", "utf-8").lower() == "utf-8"
