from django.conf import settings
from django.db import models
from django.db.models import F, Q


class Login(models.Model):
    """A login that a person has or had. It is never given to another one, nor one like it."""

    person = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+")
    text = models.CharField(max_length=150)
    folded = models.CharField(max_length=600, unique=True)  # folding may lengthen it

    class Meta:
        default_permissions = ()

    def __str__(self) -> str:
        return self.text


class KeysOff(models.Model):
    """A person for whom no single key does anything on the desk's pages."""

    person = models.OneToOneField(
        settings.AUTH_USER_MODEL, on_delete=models.CASCADE, primary_key=True, related_name="+"
    )

    class Meta:
        default_permissions = ()

    def __str__(self) -> str:
        return str(self.person)


class JointAct(models.Model):
    """What one person proposes and another has to confirm before it is done."""

    class Ending(models.TextChoices):
        DONE = "done"
        WITHDRAWN = "withdrawn"
        OUTDATED = "outdated"

    act = models.CharField(max_length=30)
    subject = models.CharField(max_length=80)  # what it is done to
    data = models.JSONField(default=dict)  # how
    facts = models.CharField(max_length=64)  # a digest of what it was judged on
    reason = models.TextField()
    # The first of the drafts, one in place of the other, of which this is the last.
    begun_with = models.ForeignKey("self", on_delete=models.PROTECT, null=True, related_name="+")
    proposed_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+"
    )
    proposed_at = models.DateTimeField()
    ended_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, null=True, related_name="+"
    )
    ended_at = models.DateTimeField(null=True)
    ending = models.CharField(max_length=10, choices=Ending, default="", blank=True)

    class Meta:
        default_permissions = ()
        permissions = [
            ("confirm_rights", "Can confirm that others get rights"),
            ("name_user_manager", "Can name and mend a user manager, by two"),
        ]
        constraints = [
            models.UniqueConstraint(
                "act", "subject", condition=Q(ended_at=None), name="one_joint_act_at_a_time"
            ),
            models.CheckConstraint(
                name="joint_act_takes_two",
                condition=~Q(ending="done") | ~Q(ended_by=F("proposed_by")),
            ),
        ]

    def __str__(self) -> str:
        return f"{self.act} {self.subject}"


class PowerChange(models.Model):
    """A change of what a person may do, or of how they come in. What they approved before does not
    count any more."""

    class What(models.TextChoices):
        RIGHTS = "rights"
        PASSWORD = "password"  # noqa: S105
        ADDRESS = "address"

    person = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+")
    at = models.DateTimeField()
    what = models.CharField(max_length=10, choices=What)

    class Meta:
        default_permissions = ()
        indexes = [models.Index("person", "at", name="last_change_of_power")]

    def __str__(self) -> str:
        return f"{self.person} {self.what} {self.at}"


class PasswordLink(models.Model):
    """A link by which a person chooses their password, once. Of its token a digest is kept.

    It is over with the next one, with the next password or address, and in time.
    """

    person = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+")
    digest = models.CharField(max_length=64, unique=True)
    made_by = models.ForeignKey(  # nobody: by whoever runs the desk's machine
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, null=True, related_name="+"
    )
    sent_to = models.EmailField(default="")  # nothing: handed out at the desk's machine
    made_at = models.DateTimeField()
    expires_at = models.DateTimeField()

    class Meta:
        default_permissions = ()

    def __str__(self) -> str:
        return f"{self.person} {self.made_at}"


class Recovery(models.Model):
    """Somebody's access that whoever runs the desk's machine is to get back, in a while, unless one
    of the staff stops it."""

    person = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+")
    reason = models.TextField()
    asked_at = models.DateTimeField()
    effective_at = models.DateTimeField()
    ended_at = models.DateTimeField(null=True)
    stopped_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, null=True, related_name="+"
    )

    class Meta:
        default_permissions = ()
        constraints = [
            models.UniqueConstraint(
                "person", condition=Q(ended_at=None), name="one_recovery_at_a_time"
            )
        ]

    def __str__(self) -> str:
        return f"{self.person} {self.asked_at}"
