from typing import Any

from django.core.management import call_command
from django.core.management.base import BaseCommand, CommandError
from django.db import connection
from rich.console import Console
from rich.progress import track

from audit import clock
from config.demo import people, place, seed
from config.demo.fill import has_made_up_values
from payouts.models import Payout
from payouts.staff.command_line import positive


class Command(BaseCommand):
    help = (
        "Fill an empty database with a desk of another size than the demo's, lived through day "
        "by day in the same way. It takes the database of DATABASE_URL, or a file in .demo/, and "
        "never reads .env. --look serves what it has made."
    )
    requires_system_checks = ()

    def add_arguments(self, parser: Any) -> None:
        parser.add_argument("--rows", type=positive, default=2000, help="about how many payouts")
        parser.add_argument(
            "--days", type=positive, default=365, help="how long the desk has worked"
        )
        parser.add_argument("--seed", type=int, default=1, help="another number, other payouts")
        parser.add_argument("--look", action="store_true", help="serve what was made before")

    def handle(self, *, rows: int, days: int, seed: int, look: bool, **_options: Any) -> None:
        if not has_made_up_values():
            raise CommandError("This process has the settings of another desk: nothing was done.")
        if look:
            self.look()
        else:
            self.build(rows, days, seed)

    def build(self, rows: int, days: int, number: int) -> None:
        seed.refuse_filled_database()
        console = Console(highlight=False, soft_wrap=True)
        console.print(f"Database: {connection.settings_dict['NAME']}")
        for _ in track(seed.build(rows, days, number, clock.now()), "Days", total=days + 1):
            pass
        console.print(
            f"{Payout.objects.count():,} payouts. Look at them with “manage.py seed --look”; "
            f"{people.STAFF[0][0]} and the others of the demo have the password {people.PASSWORD}."
        )

    def look(self) -> None:
        if not seed.made_this_database():
            raise CommandError("This database was not made by “manage.py seed”.")
        port = place.next_free_port(place.WEB_PORT)
        call_command("runserver", f"127.0.0.1:{port}", "--noreload", "--skip-checks")
