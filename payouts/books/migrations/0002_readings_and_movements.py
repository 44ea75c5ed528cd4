import django.db.models.deletion
import wallets.amounts
from django.conf import settings
from django.db import migrations, models


class Migration(migrations.Migration):

    """Balances as they were, what else moved them, and the months that two people close."""

    dependencies = [
        ('payouts_books', '0001_accounts'),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.CreateModel(
            name='BalanceReading',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('currency', models.CharField(max_length=12)),
                ('amount', wallets.amounts.AmountField()),
                ('at', models.DateTimeField()),
                ('is_clear', models.BooleanField()),
                ('way', models.CharField(choices=[('balance', 'asked for balances'), ('payout', 'said with a payout')], default='balance', max_length=8)),
            ],
            options={
                'default_permissions': (),
                'indexes': [models.Index(condition=models.Q(('is_clear', True)), fields=['currency', 'at'], name='clear_balances'), models.Index(fields=['at'], name='balances_by_moment')],
                'constraints': [models.UniqueConstraint(models.F('currency'), models.F('way'), models.F('at'), name='one_balance_at_a_moment')],
            },
        ),
        migrations.CreateModel(
            name='Closing',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('month', models.DateField(unique=True)),
                ('agreed_at', models.DateTimeField()),
                ('lease_until', models.DateTimeField(null=True)),
                ('progress', models.CharField(blank=True, default='', max_length=200)),
                ('trouble', models.TextField(blank=True, default='')),
                ('retry_at', models.DateTimeField(null=True)),
                ('joint', models.OneToOneField(on_delete=django.db.models.deletion.PROTECT, to='payouts_staff.jointact')),
            ],
            options={
                'default_permissions': (),
            },
        ),
        migrations.CreateModel(
            name='Fall',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('currency', models.CharField(max_length=12)),
                ('before', wallets.amounts.AmountField()),
                ('since', models.DateTimeField()),
                ('found_at', models.DateTimeField()),
                ('day', models.DateField()),
                ('reading', models.OneToOneField(on_delete=django.db.models.deletion.PROTECT, to='payouts_books.balancereading')),
            ],
            options={
                'default_permissions': (),
                'indexes': [models.Index(fields=['day', 'currency'], name='falls_of_a_day')],
            },
        ),
        migrations.CreateModel(
            name='Movement',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('currency', models.CharField(max_length=12, verbose_name='coin')),
                ('direction', models.CharField(choices=[('in', 'in'), ('out', 'out')], max_length=3, verbose_name='direction')),
                ('amount', wallets.amounts.AmountField(verbose_name='amount')),
                ('day', models.DateField(verbose_name='day')),
                ('happened_on', models.DateField(verbose_name='happened on')),
                ('category', models.CharField(choices=[('customer', "Customer's payment"), ('top_up', 'Top-up'), ('transfer_out', 'Transfer out'), ('transfer_in', 'Transfer in'), ('conversion', 'Conversion'), ('fee', 'Fee'), ('other', 'Other')], max_length=12, verbose_name='category')),
                ('evidence', models.TextField(verbose_name='evidence')),
                ('file_name', models.CharField(blank=True, default='', max_length=200)),
                ('sha256', models.CharField(blank=True, default='', max_length=64)),
                ('entered_at', models.DateTimeField(verbose_name='entered')),
                ('file_sha256', models.CharField(blank=True, default='', max_length=64)),
                ('file_line', models.PositiveIntegerField(null=True)),
                ('entered_by', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='+', to=settings.AUTH_USER_MODEL)),
                ('takes_back', models.OneToOneField(null=True, on_delete=django.db.models.deletion.PROTECT, related_name='taken_back_by', to='payouts_books.movement')),
            ],
            options={
                'verbose_name': 'movement',
                'verbose_name_plural': 'movements',
                'permissions': [('close_month', 'Can close a month, as two')],
                'default_permissions': ('view', 'add'),
                'indexes': [models.Index(fields=['day', 'currency'], name='movements_of_a_day')],
                'constraints': [models.CheckConstraint(condition=models.Q(('amount__gt', 0)), name='movement_is_above_zero'), models.CheckConstraint(condition=models.Q(('happened_on__lte', models.F('day'))), name='movement_is_booked_when_it_happened_or_later'), models.UniqueConstraint(models.F('file_sha256'), models.F('file_line'), condition=models.Q(('file_sha256', ''), _negated=True), name='line_of_a_file_entered_once')],
            },
        ),
    ]
