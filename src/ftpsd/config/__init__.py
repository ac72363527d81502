"""The configuration language: text to a tree with file and line. Knows no directive but block structure."""

from __future__ import annotations

from ftpsd.config.lenient import parse_lenient
from ftpsd.config.lexer import Word, quote, split
from ftpsd.config.parser import parse
from ftpsd.config.source import FileSource, Source, TextSource
from ftpsd.config.tree import Directive, Node, Section, Tree

__all__ = [
    "Directive",
    "FileSource",
    "Node",
    "Section",
    "Source",
    "TextSource",
    "Tree",
    "Word",
    "parse",
    "parse_lenient",
    "quote",
    "split",
]
