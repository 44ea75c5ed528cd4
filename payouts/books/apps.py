from django.apps import AppConfig


class BooksConfig(AppConfig):
    name = "payouts.books"
    label = "payouts_books"
    verbose_name = "Books"

    def ready(self) -> None:
        from audit.jobs import register
        from audit.verifying import register as register_check
        from payouts import backlogs
        from payouts.books import (  # models are there from here on
            closed,
            falls,
            heads,
            jobs,
            verifying,
        )
        from payouts.books.models import Movement
        from payouts.models import ClosedMonth

        register(jobs.FetchBalances, jobs.CloseMonth, heads.SealHeads)
        register_check("heads", heads.check)
        register_check("months", closed.check, ClosedMonth.objects.count)
        register_check("movements", verifying.movements, Movement.objects.count)
        backlogs.register(falls.BACKLOG)
