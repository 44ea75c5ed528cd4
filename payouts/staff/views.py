"""What is open to who has a link and no session."""

from django.contrib import admin, messages
from django.contrib.auth.forms import SetPasswordForm
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.template.response import TemplateResponse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.cache import never_cache
from django.views.decorators.debug import sensitive_post_parameters
from unfold.widgets import UnfoldAdminPasswordWidget

from audit.refusals import Refused
from payouts.staff import links


class ChosenPasswordForm(SetPasswordForm):  # type: ignore[type-arg]  # generic in the stubs alone
    def __init__(self, *args: object) -> None:
        super().__init__(*args)
        for name, label in (
            ("new_password1", gettext_lazy("Password")),
            ("new_password2", gettext_lazy("Once more")),
        ):
            field = self.fields[name]
            field.label, field.help_text = label, ""
            field.widget = UnfoldAdminPasswordWidget(attrs={"autocomplete": "new-password"})
        self.fields["new_password1"].help_text = gettext_lazy(
            "At least 8 characters, no common word, and nothing like the login."
        )


@sensitive_post_parameters()
@never_cache
def password_link(request: HttpRequest, token: str) -> HttpResponse:
    """Ask whoever has the link for a password, and set it at a POST: programs that look at mail
    open addresses, too."""
    try:
        form = ChosenPasswordForm(links.find(token).person, request.POST or None)
        if request.method == "POST" and form.is_valid():
            links.use(token, form.cleaned_data["new_password1"])
            messages.success(request, _("Your password is set. Log in with it."))
            return redirect("admin:login")
    except Refused as exc:
        return shown(request, status=410, over=str(exc))
    return shown(request, form=form, login=form.user.get_username())


def shown(request: HttpRequest, *, status: int = 200, **context: object) -> HttpResponse:
    frame = {**admin.site.each_context(request), "title": _("Choose your password")}
    return TemplateResponse(request, "staff/password_link.html", frame | context, status=status)
