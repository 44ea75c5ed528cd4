"""The list of categories: who may change it, and the event of each change."""

from django.db import transaction

from audit.actor import Actor
from audit.events import log_event
from audit.models import DeskEvent
from payouts.models import Category


def add_category(name: str, *, actor: Actor) -> Category:
    category = Category(name=name)
    category.full_clean()
    save_category(category, actor=actor)
    return category


def save_category(category: Category, *, actor: Actor) -> None:
    """Store a category that was checked, and say in the desk's chain what it is now and was."""
    stored = Category.objects.filter(pk=category.pk).first()
    right = "payouts.change_category" if stored else "payouts.add_category"
    actor.require(right)
    with transaction.atomic():
        category.save()
        log_event(
            DeskEvent.Type.CHANGE_CATEGORY if stored else DeskEvent.Type.ADD_CATEGORY,
            actor=actor,
            **facts(category),
            **(
                {f"{name}_before": value for name, value in facts(stored).items()} if stored else {}
            ),
        )


def facts(category: Category) -> dict[str, object]:
    return {"category": category.name, "offered": category.is_active}
