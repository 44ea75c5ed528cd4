import time
from typing import Any

from django.core.management import call_command
from django.core.management.base import BaseCommand, CommandError
from django.db import connection
from django.utils import timezone
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from config.demo import people, place, seed
from config.demo.fill import has_made_up_values, without_logging


class Command(BaseCommand):
    help = (
        "Fill an empty database with a large desk: three years of made-up payouts with their "
        "approvals, tries and events. It takes the database of DATABASE_URL, or a file in .demo/, "
        "and never reads .env. --look serves what it has made."
    )
    requires_system_checks = ()

    def add_arguments(self, parser: Any) -> None:
        parser.add_argument("--rows", type=int, default=10_000, help="how many payouts")
        parser.add_argument("--seed", type=int, default=1, help="another number, other payouts")
        parser.add_argument("--look", action="store_true", help="serve what was made before")

    def handle(self, *, rows: int, seed: int, look: bool, **_options: Any) -> None:
        if not has_made_up_values():
            raise CommandError("This process has the settings of another desk: nothing was done.")
        if look:
            self.look()
        else:
            self.build(rows, seed)

    def build(self, rows: int, number: int) -> None:
        seed.refuse_filled_database()
        console = Console(highlight=False, soft_wrap=True)
        console.print(f"Database: {connection.settings_dict['NAME']}")
        columns = TextColumn("Payouts"), BarColumn(), MofNCompleteColumn()
        with (
            without_logging(),
            Progress(*columns, TextColumn("{task.fields[rate]}"), TimeRemainingColumn()) as shown,
        ):
            task, started = shown.add_task("", total=rows, rate=""), time.monotonic()
            for done in seed.build(rows, number, timezone.now()):
                rate = f"{done / (time.monotonic() - started):,.0f}/s"
                shown.update(task, completed=done, rate=rate)
        console.print(
            f"Look at it with “manage.py seed --look”; {people.STAFF[0][0]} and the others of the "
            f"demo have the password {people.PASSWORD}."
        )

    def look(self) -> None:
        if not seed.made_this_database():
            raise CommandError("This database was not made by “manage.py seed”.")
        port = place.next_free_port(place.WEB_PORT)
        call_command("runserver", f"127.0.0.1:{port}", "--noreload", "--skip-checks")
