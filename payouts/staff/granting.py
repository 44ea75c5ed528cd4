"""What migrations give the roles: rights that came after a role."""

from collections.abc import Mapping, Sequence
from importlib import import_module
from typing import Any

from django.db import migrations


def grant(given: Mapping[str, Sequence[str]]) -> migrations.RunPython:
    """Return the step of a migration that gives roles these rights, and takes them when undone.

    The migrations that make the rights have run before: name them among its dependencies.
    """
    by_name = import_module("payouts.staff.migrations.0010_support").permissions_by_name

    def give(apps: Any, _editor: Any) -> None:
        permissions, groups = by_name(apps), apps.get_model("auth", "Group").objects
        for name, rights in given.items():
            group, _is_new = groups.get_or_create(name=name)
            group.permissions.add(*(permissions[right] for right in rights))

    def take(apps: Any, _editor: Any) -> None:
        permissions, groups = by_name(apps), apps.get_model("auth", "Group").objects
        for group in groups.filter(name__in=given):
            group.permissions.remove(*(permissions[right] for right in given[group.name]))

    return migrations.RunPython(give, take)
