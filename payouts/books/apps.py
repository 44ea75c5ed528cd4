from django.apps import AppConfig


class BooksConfig(AppConfig):
    name = "payouts.books"
    label = "payouts_books"
    verbose_name = "Books"

    def ready(self) -> None:
        from audit.jobs import register
        from payouts import backlogs
        from payouts.books import falls, jobs  # models are there from here on

        register(jobs.FetchBalances, jobs.CloseMonth)
        backlogs.register(falls.BACKLOG)
