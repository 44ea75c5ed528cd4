from datetime import datetime

from django import template

from payouts.books import story

register = template.Library()


@register.filter
def zoned(at: datetime) -> str:
    """A time to the second with its zone, as it is put on paper."""
    return story.zoned(at)
