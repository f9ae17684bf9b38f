"""Pages of an app in this process, as the words and the parts that they have."""

import re
from html import unescape

from flask.testing import FlaskClient


class View:
    """One page: ``status``, ``html``, and ``text``, which is what a person reads of its main part."""

    def __init__(self, client: FlaskClient, path: str) -> None:
        with client.get(path, headers={"Accept": "text/html"}) as answer:
            self.status, self.html = answer.status_code, answer.get_data(as_text=True)
        main = self.html.partition('<main id="main"')[2].partition("</main>")[0]
        self.main = main
        self.text = " ".join(unescape(re.sub(r"<[^>]*>", " ", main)).split())

    def actions(self) -> set[str]:
        """The addresses that its buttons act upon."""
        return {unescape(found) for found in re.findall(r'data-action="([^"]*)"', self.main)}
