"""The pages below `/settings/`: one module each."""
