import django.db.models.deletion
from django.conf import settings
from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('payouts_staff', '0004_roles_apart'),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.CreateModel(
            name='JointAct',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('act', models.CharField(max_length=30)),
                ('subject', models.CharField(max_length=80)),
                ('data', models.JSONField(default=dict)),
                ('facts', models.CharField(max_length=64)),
                ('reason', models.TextField()),
                ('proposed_at', models.DateTimeField()),
                ('ended_at', models.DateTimeField(null=True)),
                ('ending', models.CharField(blank=True, choices=[('done', 'Done'), ('withdrawn', 'Withdrawn'), ('outdated', 'Outdated')], default='', max_length=10)),
                ('ended_by', models.ForeignKey(null=True, on_delete=django.db.models.deletion.PROTECT, related_name='+', to=settings.AUTH_USER_MODEL)),
                ('proposed_by', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='+', to=settings.AUTH_USER_MODEL)),
            ],
            options={
                'default_permissions': (),
                'constraints': [models.UniqueConstraint(models.F('act'), models.F('subject'), condition=models.Q(('ended_at', None)), name='one_joint_act_at_a_time'), models.CheckConstraint(condition=models.Q(models.Q(('ending', 'done'), _negated=True), models.Q(('ended_by', models.F('proposed_by')), _negated=True), _connector='OR'), name='joint_act_takes_two')],
            },
        ),
    ]
