from django import template

from payouts.auditing import story

register = template.Library()
register.filter(story.zoned)
