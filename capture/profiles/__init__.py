"""Source profiles: what to expect of a kind of paper, as data beside this file."""
