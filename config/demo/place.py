"""Where the demo keeps its files and which addresses it has: settled before Django starts."""

import os
import socket

from config import environment

FOLDER = environment.BASE_DIR / ".demo"
DATABASE = FOLDER / "desk.sqlite3"
SEEDED = FOLDER / "seeded.sqlite3"  # of `manage.py seed`, if it is given no other database
SEEDED_DOCUMENTS, SEEDED_MAIL = FOLDER / "seeded-documents", FOLDER / "seeded-mail"
DOCUMENTS = FOLDER / "documents"
MAIL = FOLDER / "mail"  # what the desk would have sent
STATE = FOLDER / "sandbox.json"  # written last: with it the example data is complete
PORT_KEPT = FOLDER / "sandbox-port"

WEB_PORT, SANDBOX_PORT, PORTAL_PORT = 8000, 8010, 8020
PORTS_TRIED = 100


def use_demo_values(*, beside: bool = False) -> None:
    """Make this process and its children a demo, whatever `.env` and the environment say.

    `beside` is for a command that works beside a demo which has the usual ports.
    """
    # Pages say localhost: a browser gives passkeys to no IP address.
    web = WEB_PORT if beside else next_free_port(WEB_PORT)
    sandbox = sandbox_port()
    environment.use_made_up_values(
        DATABASE_URL=f"sqlite:///{DATABASE}",
        DOCUMENTS_FOLDER=str(DOCUMENTS),
        DJANGO_SETTINGS_MODULE="config.settings",
        HELEKET_PROJECT_URL=f"http://127.0.0.1:{sandbox}",
        HELEKET_CALLBACK_URL=f"http://localhost:{web}/webhooks/heleket/",
        EMAIL_URL=f"filemail://{MAIL}",
        PUBLIC_URL=f"http://localhost:{web}",
    )


def use_seed_values() -> None:
    """Make this process a demo that has no sandbox, on the database that it is given, if any."""
    FOLDER.mkdir(exist_ok=True)
    environment.use_made_up_values(
        DATABASE_URL=os.environ.get("DATABASE_URL") or f"sqlite:///{SEEDED}",
        DOCUMENTS_FOLDER=str(SEEDED_DOCUMENTS),
        EMAIL_URL=f"filemail://{SEEDED_MAIL}",
        DJANGO_SETTINGS_MODULE="config.settings",
    )


def sandbox_port() -> int:
    """The database belongs to one gateway address, so a second start keeps the first one's port."""
    if PORT_KEPT.exists():
        return int(PORT_KEPT.read_text())
    return next_free_port(SANDBOX_PORT)


def next_free_port(first: int) -> int:
    ports = range(first, first + PORTS_TRIED)
    return next((port for port in ports if is_free(port)), first)


def is_free(port: int) -> bool:
    with socket.socket() as listener:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)  # as the servers do
        try:
            listener.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True
