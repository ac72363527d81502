"""Data connections and transfers."""
