from django.apps import AppConfig


class BooksConfig(AppConfig):
    name = "payouts.books"
    label = "payouts_books"
    verbose_name = "Books"

    def ready(self) -> None:
        from audit.jobs import register
        from audit.verifying import register as register_check
        from payouts import backlogs
        from payouts.books import closed, falls, heads, jobs  # models are there from here on
        from payouts.models import ClosedMonth

        register(jobs.FetchBalances, jobs.CloseMonth, heads.SealHeads)
        register_check("heads", heads.check)
        register_check("months", closed.check, ClosedMonth.objects.count)
        backlogs.register(falls.BACKLOG)
