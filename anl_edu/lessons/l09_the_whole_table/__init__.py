"""Lesson 09: the whole table, what its differences are worth, and a grid of one's own."""
