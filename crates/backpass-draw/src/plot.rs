//! Plots of numbers.
