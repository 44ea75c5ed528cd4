from django.apps import AppConfig

from audit import jobs


class BooksConfig(AppConfig):
    name = "payouts.books"
    label = "payouts_books"
    verbose_name = "Books"

    def ready(self) -> None:
        from payouts.books.jobs import WriteRights

        jobs.register(WriteRights)
