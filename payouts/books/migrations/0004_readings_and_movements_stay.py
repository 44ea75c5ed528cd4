from django.db import migrations

from audit import triggers

TABLES = ["payouts_books_balancereading", "payouts_books_movement", "payouts_books_fall"]


class Migration(migrations.Migration):
    """What the books are made of is only added."""

    dependencies = [("payouts_books", "0003_rights_of_books")]
    operations = [
        make(table)
        for table in TABLES
        for make in (triggers.never_changed, triggers.never_deleted)
    ]
