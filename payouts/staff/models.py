from django.conf import settings
from django.db import models


class Login(models.Model):
    """A login that a person has or had. It is never given to another one, nor one like it."""

    person = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+")
    text = models.CharField(max_length=150)
    folded = models.CharField(max_length=600, unique=True)  # folding may lengthen it

    class Meta:
        default_permissions = ()

    def __str__(self) -> str:
        return self.text
