//! backpass: feed-forward neural networks you can see through.
//!
//! The engine knows one thing: a computational [`Graph`], its forward pass, its backward pass (again a graph), and a plan
//! that runs both fast. Everything else (layers, losses, optimisers, training) is built from graph nodes.

pub mod array;
pub mod autodiff;
pub mod builder;
pub mod compile;
pub mod composites;
pub mod explain;
pub mod gradcheck;
pub mod graph;
pub mod init;
pub mod interpret;
pub mod loss;
pub mod measure;
pub mod nn;
pub mod ops;
pub mod optim;
pub mod passes;
pub mod session;
pub mod shape;
pub mod spec;
pub mod suggest;
pub mod text;
pub mod train;
pub mod view;

pub use array::Array;
pub use builder::{Builder, Expr};
pub use compile::{CompileOptions, Plan, compile};
pub use graph::{Graph, NodeId, ScopeKind};
pub use session::Session;
pub use shape::{Dim, Shape};
