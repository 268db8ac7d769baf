"""`python -m devstral_ls` is `devstral-ls`."""

from devstral_ls.cli import main

if __name__ == "__main__":
    main()
