"""The configuration language: lexer, parser, tree. Knows no directive by name."""
