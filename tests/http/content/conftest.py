"""Every test of content that is asked by HTTP runs on each of the two stores, as those of its use cases do."""

from tests.application.content.conftest import services, url

__all__ = ("services", "url")
