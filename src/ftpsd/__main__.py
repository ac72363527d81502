"""`python -m ftpsd`: what the command `ftpsd` does."""

from ftpsd.cli.main import main

if __name__ == "__main__":
    main()
