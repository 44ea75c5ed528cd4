"""`manage.py heleket_sandbox` without the desk around it, which takes long to start."""

import os
import sys

from django.conf import settings

from heleket.management.commands import heleket_sandbox

settings.configure(**{name: os.environ.get(name, "") for name in heleket_sandbox.MADE_UP})

if __name__ == "__main__":
    heleket_sandbox.Command().run_from_argv([sys.argv[0], "heleket_sandbox", *sys.argv[1:]])
