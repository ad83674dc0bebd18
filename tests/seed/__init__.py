"""Data as agencies really have it, made up and the same each time.

`make seed AGENCIES=3 ROWS=30000` fills a database, `make check-seed` proves that nobody in it
reaches a row of another agency.
"""
