from django.apps import AppConfig


class HeleketConfig(AppConfig):
    name = "heleket"
    verbose_name = "Heleket"
