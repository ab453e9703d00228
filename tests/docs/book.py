#!/usr/bin/env python3
"""Looks at the pages that mdBook made: every link leads to a page, a heading or a picture of the book.

    book.py FOLDER

Links to files of the repository, which the book does not have, become the text that they are on. Links of
Markdown are checked by run.py; here are those that the book makes of them.
"""

import html
import os
import pathlib
import re
import sys
import urllib.parse

ROOT = pathlib.Path(__file__).resolve().parents[2]
OUTSIDE = re.compile(r'<a href="(\.\./[^"]+)">(.*?)</a>', re.S)


def without_outside(page, book):
    """Unlinks what is in the repository and not in the book."""

    def text(link):
        file = (ROOT / "docs" / page.relative_to(book).parent / link[1].partition("#")[0]).resolve()
        inside = file.is_relative_to(ROOT / "docs")
        return link[2] if file.exists() and not inside else link[0]

    return OUTSIDE.sub(text, page.read_text(encoding="utf-8"))


def main():
    book = pathlib.Path(sys.argv[1]).resolve()
    pages = {page: without_outside(page, book) for page in sorted(book.rglob("*.html"))}
    ids = {page: set(re.findall(r'\bid="([^"]+)"', text)) for page, text in pages.items()}
    wrong = []
    for page, text in pages.items():
        page.write_text(text, encoding="utf-8")
        # All pages in one, whose links are those of the others; and the page of wrong addresses.
        if page.name in ("print.html", "toc.html", "404.html"):
            continue
        for link in set(re.findall(r'\b(?:href|src)="([^"]+)"', text)):
            path, _, heading = html.unescape(link).partition("#")
            if re.match(r"[a-z]+:|//", path):
                continue
            file = pathlib.Path(os.path.normpath(page.parent / urllib.parse.unquote(path))) if path else page
            if not file.exists() or heading and file in ids and urllib.parse.unquote(heading) not in ids[file]:
                wrong.append(f"{page.relative_to(book)}: the link `{link}` leads nowhere")
    for why in wrong:
        print(f"error: {why}")
    print(f"book: {len(pages)} pages, {len(wrong)} wrong links")
    sys.exit(bool(wrong))


if __name__ == "__main__":
    main()
