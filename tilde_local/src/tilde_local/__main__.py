"""`python -m tilde_local` is `tilde-local`."""

from tilde_local.cli import main

if __name__ == "__main__":
    raise SystemExit(main())
