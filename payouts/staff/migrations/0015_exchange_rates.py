from django.db import migrations

from payouts.staff.granting import grant

SEE = "payouts_controls.view_exchangerate"


class Migration(migrations.Migration):
    """Two policy managers accept a rate that has jumped; who decides about money sees rates."""

    dependencies = [("payouts_staff", "0014_policy"), ("payouts_controls", "0006_exchange_rates")]
    operations = [
        grant(
            {
                "Policy manager": [SEE, "payouts_controls.accept_rate"],
                "Approver": [SEE],
                "Operator": [SEE],
                "Auditor": [SEE],
            }
        )
    ]
