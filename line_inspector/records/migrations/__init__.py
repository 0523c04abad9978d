"""Migrations of the ledger, for Alembic: `env.py` runs the scripts in `versions/` one after the other."""
