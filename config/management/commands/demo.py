import signal
import threading
from typing import Any, NoReturn
from urllib.parse import urljoin, urlsplit

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError
from rich.console import Console
from rich.table import Table

from config.demo import people, place, portal
from config.demo.api import key_for_a_day, line_to_try
from config.demo.feed import Feed
from config.demo.fill import fill_once, refuse_another_desk
from config.demo.processes import STOPPING, Died, Processes

is_stopping = threading.Event()


class Command(BaseCommand):
    help = (
        "Run a whole desk with example data on this machine: a local Heleket with made-up money, "
        "the web server and a worker. It never reads .env and has a database of its own in .demo/; "
        "remove that folder to start over."
    )
    requires_system_checks = ()

    def handle(self, **_options: Any) -> None:
        refuse_another_desk()
        refuse_taken_port()
        for number in STOPPING:
            signal.signal(number, stop)
        console = Console(highlight=False, soft_wrap=True)
        try:
            fill_once()
            with Processes(place.FOLDER) as processes:
                start(processes)
                with portal.listening() as hears_at:
                    console.print(welcome())
                    show_addresses(console, hears_at)
                    follow(processes, console)
        except Died as exc:
            raise CommandError(str(exc)) from exc
        except KeyboardInterrupt:
            console.print("\nThe demo has stopped. Start it again with “make demo”.")


def stop(*_: object) -> NoReturn:
    """End at once what is under way. Where Python drops the exception, as in a callback of its
    garbage collector, `follow` ends all the same."""
    is_stopping.set()
    raise KeyboardInterrupt


def refuse_taken_port() -> None:
    if not place.is_free(port := sandbox_port()):
        raise CommandError(
            f"Port {port} is taken, and the example data belongs to a sandbox at this port. Does "
            "the demo run already? Else stop the program that has the port, or remove the folder "
            f"{place.FOLDER} to start over."
        )


def start(processes: Processes) -> None:
    """Start the three programs, each when the one it needs answers."""
    processes.start(
        "sandbox",
        *("manage.py", "heleket_sandbox", "--port", str(sandbox_port())),
        *("--state", str(place.STATE), "--pace", "2"),
    )
    processes.wait_for(sandbox_page())
    processes.start(
        "web",
        *("-m", "gunicorn", "config.wsgi", "--threads", "8", "--no-control-socket"),
        *("--bind", f"127.0.0.1:{urlsplit(admin_page()).port}"),
    )
    processes.wait_for(admin_page())
    processes.start("worker", "manage.py", "worker")


def admin_page() -> str:
    return str(urljoin(settings.HELEKET_CALLBACK_URL, "/admin/"))


def sandbox_port() -> int:
    return urlsplit(settings.HELEKET_PROJECT_URL).port or 0


def sandbox_page() -> str:
    return f"{settings.HELEKET_PROJECT_URL}/sandbox/"


def welcome() -> Table:
    table = Table(title="Payout Desk is ready", caption="Ctrl-C stops it.", title_style="bold")
    table.add_column("Login")
    table.add_column("Password")
    table.add_column("Name")
    table.add_column("Role")
    for login, name, role in people.STAFF:
        table.add_row(login, people.PASSWORD, name, role)
    return table


def show_addresses(console: Console, hears_at: str) -> None:
    console.print(f"Admin    {admin_page()}\nSandbox  {sandbox_page()}")
    console.print(f"API docs {urljoin(admin_page(), '/api/docs/')}")
    console.print(f"Portal   {hears_at}, which hears each webhook\n")
    api, key = urljoin(admin_page(), "/api/v1"), key_for_a_day()
    console.print("The client API, with a key for a day; docs/quick-start.md goes on from here:")
    console.print(f"KEY={key}\nAPI={api}\n", markup=False)
    console.print("Or ask for a payout at once:")
    console.print(f"{line_to_try(api, key)}\n", markup=False)


def follow(processes: Processes, console: Console) -> NoReturn:
    """Print what happens at the desk until one of its programs ends or somebody stops it."""
    feed = Feed()
    while not is_stopping.is_set():
        processes.check()
        for line in feed.new():
            console.print(line, markup=False)
        is_stopping.wait(0.5)
    raise KeyboardInterrupt
