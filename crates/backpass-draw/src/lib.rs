//! Pictures: of views of graphs and networks, and plots.

pub mod plot;
