import pytest
from django.utils import timezone

from benchmarks import sending
from payouts.gateway import breaker
from payouts.gateway.models import Pause


@pytest.mark.django_db
def test_a_slice_that_came_to_nothing_reports_warnings_and_standing_pauses():
    assert "No pause stands." in sending.why_nothing([])

    breaker.trip(Pause.Cause.FORBIDDEN, "You are forbidden")
    [pause] = Pause.objects.all()
    now = timezone.now()
    written = f"{now} INFO payouts.worker: recorded 5 submit\n{now} ERROR x: Heleket is gone\n"
    lines = sending.why_nothing([written]).splitlines()

    assert lines[1] == f"pause: forbidden , next try at {pause.probe_at}: You are forbidden"
    assert lines[2:] == [f"{now} ERROR x: Heleket is gone"]
