"""Lesson 07, When noise is not symmetric: classes out of balance, and entropy regularisation."""
