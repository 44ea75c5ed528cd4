"""The Celery app of a desk on many machines: `celery -A config.celery worker`, and `… beat`.

The tables are the queue. A message only wakes: lost, repeated or late it changes nothing but when
a job looks at the tables.
"""

import os
from typing import Any

from celery import Celery
from django.conf import settings

from audit import jobs
from config import environment
from payouts.wakeups import WAKEUP_EXPIRES, task_name

environment.read_env_file()
os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")

SWEEP_SECONDS = 3.0  # how late something may be found that no wakeup announced

app = Celery("desk")
app.set_default()  # a current app is one of this thread alone
app.conf.update(
    broker_url=settings.CELERY_BROKER_URL,
    # A broker may be shared. The usual name, "celery", is that of every other application as well,
    # whose workers would take our wakeups and throw them away.
    task_default_queue=f"payouts-{settings.INSTALLATION}",
    broker_connection_timeout=1,
    broker_connection_max_retries=None,  # a worker waits for its broker for ever
    broker_connection_retry_on_startup=True,
    broker_transport_options={
        "max_retries": 0,  # of a process that wakes others; the sweep is the retry
        "socket_connect_timeout": 1,  # Redis
        "socket_timeout": 2,
        "client-config": {"connect_timeout": 1, "retries": {"total_max_attempts": 1}},  # SQS
    },
    accept_content=["json"],
    worker_enable_remote_control=False,  # by it the broker could stop our workers, or set them
    task_ignore_result=True,
    # A wakeup is used up when it is heard: the rows say what became of the work, so late
    # acknowledgement would save nothing. And kombu 5.7 ends a worker that loses Redis while it
    # owes an acknowledgement, which is also why no wakeup is fetched before a process is free.
    task_acks_late=False,
    worker_prefetch_multiplier=1,
    worker_disable_prefetch=True,
    worker_hijack_root_logger=False,
    beat_scheduler="celery.beat:Scheduler",  # has nothing to remember
)
app.autodiscover_tasks(["payouts.engine"])


@app.on_after_finalize.connect
def schedule_sweeps(**_signal: Any) -> None:
    """Have each registered job look at its tables by and by. Before, Django is not set up yet."""
    app.conf.beat_schedule = {
        name: {
            "task": task_name(name),
            "schedule": jobs.TURN_SECONDS if job.every else SWEEP_SECONDS,
            "options": {"expires": WAKEUP_EXPIRES},
        }
        for name, job in jobs.REGISTERED.items()
    }
