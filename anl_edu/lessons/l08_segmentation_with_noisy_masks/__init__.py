"""Lesson 08, Segmentation with noisy masks: the same losses, a pixel at a time."""
