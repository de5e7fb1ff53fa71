"""The dashboard's pages: what each template is given, and its texts."""
