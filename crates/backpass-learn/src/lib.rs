//! Exercises and experiments: what a course on neural networks lets its students do.
