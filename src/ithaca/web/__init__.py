"""What the web page is made of: its template and files, and what messages say as HTML.

Nothing here knows of HTTP: `ithaca.service` gives it out.
"""
