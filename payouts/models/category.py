"""The kinds of payouts, as people list them."""

from django.db import models
from django.db.models import Q
from django.db.models.functions import Lower
from django.utils.translation import gettext_lazy as _

from audit.texts import one_line


class Category(models.Model):
    """A kind of payout. A payout keeps the name it was given, whatever becomes of the list."""

    name = models.CharField(
        _("name"),
        max_length=64,
        unique=True,
        validators=[one_line],
        help_text=_("Payouts that have it already keep the name they were given."),
    )
    is_active = models.BooleanField(
        _("offered"), default=True, help_text=_("New payouts can be of this kind.")
    )

    class Meta:
        verbose_name = _("category")
        verbose_name_plural = _("categories")
        ordering = ["name"]
        default_permissions = ("add", "change", "view")
        constraints = [
            models.CheckConstraint(name="category_has_name", condition=~Q(name="")),
            models.UniqueConstraint(  # the same word is the same kind
                Lower("name"),
                name="category_is_named_once",
                violation_error_message=_("There is a category of this name already."),
            ),
        ]

    def __str__(self) -> str:
        return self.name
