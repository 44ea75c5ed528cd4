from django import template

from wallets.display import in_groups

register = template.Library()
register.filter(in_groups)
