from django.db import migrations

from payouts.staff.granting import grant


class Migration(migrations.Migration):
    """Accountants keep the books and close months; auditors look at them."""

    dependencies = [
        ("payouts_books", "0002_readings_and_movements"),
        ("payouts_staff", "0022_add_roles"),
    ]
    operations = [
        grant(
            {
                "Accountant": [
                    "payouts_books.view_movement",
                    "payouts_books.add_movement",
                    "payouts_books.close_month",
                ],
                "Auditor": ["payouts_books.view_movement"],
            }
        )
    ]
