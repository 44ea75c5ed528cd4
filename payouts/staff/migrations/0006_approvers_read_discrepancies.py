from django.db import migrations


def give(apps, schema_editor):
    permissions_of(apps, "Approver").add(right(apps))


def take(apps, schema_editor):
    permissions_of(apps, "Approver").remove(right(apps))


def permissions_of(apps, role):
    return apps.get_model("auth", "Group").objects.get(name=role).permissions


def right(apps):
    Permission = apps.get_model("auth", "Permission")
    return Permission.objects.get(
        content_type__app_label="payouts", codename="view_discrepancy"
    )


class Migration(migrations.Migration):
    dependencies = [("payouts_staff", "0005_joint_acts"), ("payouts", "0004_outcomes")]
    operations = [migrations.RunPython(give, take)]
