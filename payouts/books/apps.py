from django.apps import AppConfig


class BooksConfig(AppConfig):
    name = "payouts.books"
    label = "payouts_books"
    verbose_name = "Books"
