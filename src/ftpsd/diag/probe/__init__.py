"""A client that finds out what an FTPS server does, any server, and what will trouble its users.

Steps (`steps`) make connections and observe; what they observed is `facts`. Whether that is good is decided by pure
functions (`judge`), and shown by others (`shown`, `render`).
"""
