"""The roles: each module holds the prompts of one role and the parser of their replies."""
