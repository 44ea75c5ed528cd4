import django.db.models.deletion
from django.conf import settings
from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ("payouts_reconciliation", "0002_sweeps"),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.CreateModel(
            name='Restore',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('reason', models.TextField()),
                ('since', models.DateTimeField()),
                ('begun_at', models.DateTimeField(verbose_name='begun')),
                ('voided_to', models.PositiveBigIntegerField(default=0)),
                ('last_number', models.PositiveBigIntegerField(default=0)),
                ('voided', models.PositiveIntegerField(default=0)),
                ('compared_to', models.DateField(null=True)),
                ('is_open', models.BooleanField(default=True)),
                ('ended_at', models.DateTimeField(null=True, verbose_name='ended')),
                ('confirmed_by', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='+', to=settings.AUTH_USER_MODEL)),
                ('proposed_by', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='+', to=settings.AUTH_USER_MODEL)),
            ],
            options={
                'verbose_name': 'restore',
                'default_permissions': (),
            },
        ),
        migrations.CreateModel(
            name='RestoreStep',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('name', models.CharField(max_length=20)),
                ('done_at', models.DateTimeField()),
                ('count', models.PositiveIntegerField(default=0)),
                ('seen', models.CharField(default='', max_length=64)),
                ('done_by', models.ForeignKey(null=True, on_delete=django.db.models.deletion.PROTECT, related_name='+', to=settings.AUTH_USER_MODEL)),
                ('restore', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='steps', to='payouts_reconciliation.restore')),
            ],
            options={
                'default_permissions': (),
            },
        ),
        migrations.AddConstraint(
            model_name='restore',
            constraint=models.UniqueConstraint(models.F('is_open'), condition=models.Q(('is_open', True)), name='one_restore_at_a_time'),
        ),
        migrations.AddConstraint(
            model_name='restore',
            constraint=models.CheckConstraint(condition=models.Q(models.Q(('ended_at', None), ('is_open', True)), models.Q(('ended_at__isnull', False), ('is_open', False)), _connector='OR'), name='restore_is_open_or_ended'),
        ),
        migrations.AddConstraint(
            model_name='restore',
            constraint=models.CheckConstraint(condition=models.Q(('proposed_by', models.F('confirmed_by')), _negated=True), name='restore_takes_two'),
        ),
        migrations.AddConstraint(
            model_name='restorestep',
            constraint=models.UniqueConstraint(models.F('restore'), models.F('name'), name='one_step_of_a_restore'),
        ),
    ]
