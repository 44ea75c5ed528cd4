from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("payouts_portal", "0003_feed_trigger")]

    operations = [
        migrations.AlterField(
            model_name="apianswer",
            name="at",
            field=models.DateTimeField(),
        ),
        migrations.AddIndex(
            model_name="apianswer",
            index=models.Index(
                models.F("at"), condition=models.Q(("status", 201)), name="answers_kept_whole"
            ),
        ),
    ]
