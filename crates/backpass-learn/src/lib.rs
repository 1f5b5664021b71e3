//! Exercises and experiments: what a course on neural networks lets its students do.

pub mod approximate;
pub mod exercise;
pub mod ranges;
