"""The exceptions room as a Django application."""

from django.apps import AppConfig


class ExceptionsConfig(AppConfig):
    name = "apps.exceptions"
    label = "exceptions"
    verbose_name = "Human judgement"
    default_auto_field = "django.db.models.BigAutoField"
