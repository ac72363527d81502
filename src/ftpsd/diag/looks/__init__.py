"""The looks: each module has a `look` that takes a `Subject` and adds what it finds."""
