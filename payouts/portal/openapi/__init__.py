"""The description of the client API: its table, the document for programs, the page for people."""
