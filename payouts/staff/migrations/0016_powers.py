import django.db.models.deletion
from django.conf import settings
from django.db import migrations, models

from audit import triggers


class Migration(migrations.Migration):
    dependencies = [
        ("payouts_staff", "0015_exchange_rates"),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]
    operations = [
        migrations.AlterModelOptions(
            name="jointact",
            options={
                "default_permissions": (),
                "permissions": [
                    ("confirm_rights", "Can confirm that others get rights"),
                    ("name_user_manager", "Can name and mend a user manager, by two"),
                ],
            },
        ),
        migrations.CreateModel(
            name="PowerChange",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("at", models.DateTimeField()),
                (
                    "what",
                    models.CharField(
                        choices=[
                            ("rights", "Rights"),
                            ("password", "Password"),
                            ("address", "Address"),
                        ],
                        max_length=10,
                    ),
                ),
                (
                    "person",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
            ],
            options={
                "default_permissions": (),
                "indexes": [
                    models.Index(models.F("person"), models.F("at"), name="last_change_of_power")
                ],
            },
        ),
        triggers.never_changed("payouts_staff_powerchange"),
        triggers.never_deleted("payouts_staff_powerchange"),
    ]
