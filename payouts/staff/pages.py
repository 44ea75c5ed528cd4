"""What all pages of the desk in the Admin share: who acts."""

from typing import Any

from django.contrib.auth.models import User
from django.http import HttpRequest

from audit.actor import Actor, Channel


class StaffRequest(HttpRequest):
    user: User


def actor_of(request: Any) -> Actor:
    return Actor.staff(request.user, Channel.ADMIN)
