"""How rows and files reach a browser: files with ranges, zips while they are made, events that resume.

For a slice's ``api.py``: ``TheFiles`` and ``TheSettings`` as parameters of a route; ``file_answer``, ``zip_answer`` and
``follow`` as what it returns (with ``response_class=Response`` in the decorator, since none of them is JSON).
"""

from enogu.delivery.file_answer import file_answer
from enogu.delivery.live_events import LiveEvent, count_streams, end_streams, follow
from enogu.delivery.the_app import TheFiles, TheSettings
from enogu.delivery.zip_answer import zip_answer

__all__ = [
    "LiveEvent",
    "TheFiles",
    "TheSettings",
    "count_streams",
    "end_streams",
    "file_answer",
    "follow",
    "zip_answer",
]
