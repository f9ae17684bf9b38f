"""What the API is, for programs that read it."""

from web.openapi.document import document

__all__ = ["document"]
