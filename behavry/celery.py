"""The Celery application. Each room's tasks.py is a door; the schedule stands in settings."""

import os

from celery import Celery

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "behavry.settings")

app = Celery("behavry")
app.config_from_object("django.conf:settings", namespace="CELERY")
app.autodiscover_tasks(["apps.tenants", "apps.audit", "apps.agents", "apps.policies", "apps.exceptions"])
