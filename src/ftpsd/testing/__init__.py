"""For our tests and for users' tests: a throw-away CA, a configuration builder, a scripted FTPS client
and a pytest plugin with server fixtures.

Nothing in ftpsd imports this package. See `plugin` for the fixtures that a test suite gets.
"""
