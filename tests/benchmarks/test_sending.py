import pytest
from django.utils import timezone

from benchmarks import sending
from payouts.gateway import breaker
from payouts.gateway.models import Pause


@pytest.mark.django_db
def test_a_slice_that_came_to_nothing_tells_what_workers_warned_of_and_which_pauses_stand():
    assert "No pause stands." in sending.why_nothing([])

    breaker.trip(Pause.Cause.FORBIDDEN, "You are forbidden")
    [pause] = Pause.objects.all()
    now = timezone.now()
    written = f"{now} INFO payouts.worker: recorded 5 submit\n{now} ERROR x: Heleket is gone\n"
    told = sending.why_nothing([written]).splitlines()

    assert told[1] == f"pause: forbidden , next try at {pause.probe_at}: You are forbidden"
    assert told[2:] == [f"{now} ERROR x: Heleket is gone"]
