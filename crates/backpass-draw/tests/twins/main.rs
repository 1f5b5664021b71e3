//! The other faces of a view: text, Graphviz, TeX, a page.

mod dot;
mod html;
mod tex;
mod text;
mod views;
