"""How a password at a login form is checked: throttled before it is looked at, and every answer is an entry.

The console of a tenant and the operator's both come through here. Scripts sign in at `POST /api/v1/auth/admin/login`,
which counts and records for itself and asks without a request.
"""

from typing import Any

from django.contrib.auth.backends import ModelBackend
from django.contrib.auth.models import User
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest

from apps.agents.services.people import record_sign_in, record_sign_in_refused
from apps.agents.throttle import PER_ADDRESS, PER_PERSON, place_of
from apps.decision.errors import AppError


class ThrottledBackend(ModelBackend):
    def authenticate(
        self, request: HttpRequest | None, username: str | None = None, password: str | None = None, **kwargs: Any
    ) -> Any:
        if request is None or username is None:
            return super().authenticate(request, username, password, **kwargs)
        person, address = username.casefold(), place_of(request)
        try:
            PER_ADDRESS.take(address)
            PER_PERSON.take(person, address)
        except AppError:
            # Django answers as for a wrong password: somebody who guesses learns nothing from being slowed down.
            raise PermissionDenied from None
        user = super().authenticate(request, username, password, **kwargs)
        if isinstance(user, User):
            PER_PERSON.give_back(person, address)
            PER_ADDRESS.give_back(address)
            record_sign_in(user)
        else:
            record_sign_in_refused(username)
        return user
