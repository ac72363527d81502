"""Every directive, declared once as a typed, documented field."""
