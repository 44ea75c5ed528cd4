from django import template

from payouts.books import story

register = template.Library()
register.filter(story.zoned)
