"""Keys for those who decide about one row after another; each person may switch them off."""

from django.contrib.auth.models import User

from payouts.staff.models import KeysOff


def are_on(person: User) -> bool:
    return not KeysOff.objects.filter(person=person).exists()


def switch(person: User, *, on: bool) -> None:
    if on:
        KeysOff.objects.filter(person=person).delete()
    else:
        KeysOff.objects.get_or_create(person=person)
