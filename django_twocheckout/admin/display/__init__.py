"""What the pages show: facts in, words and drawings out."""
