"""What others made and takes long to import. None of it needs settings, or reads any."""

# ruff: noqa: F401

import gc
import os

os.environ.pop("DJANGO_SETTINGS_MODULE", None)  # so that what would read settings fails

import billiard.pool
import celery.app.amqp
import celery.app.control
import celery.apps.beat
import celery.apps.worker
import celery.bin.beat
import celery.bin.celery
import celery.bin.worker
import celery.concurrency.prefork
import celery.worker.components
import celery.worker.consumer
import Crypto.Hash.keccak
import django.contrib.admin
import django.contrib.auth.hashers
import django.core.management.commands.migrate
import django.core.servers.basehttp
import django.core.wsgi
import django.db.backends.postgresql.base
import django.db.backends.sqlite3.base
import django.test
import django.views.debug
import django_fsm
import environ
import gunicorn.app.wsgiapp
import gunicorn.workers.gthread
import kombu.transport.redis
import requests
import rich.progress
import rich.table
import simple_history.models

gc.freeze()  # what is never touched again is shared with every process
