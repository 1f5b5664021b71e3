//! Ctrl-C and SIGTERM: the first one asks to stop, the second one stops at once.

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use signal_hook::consts::{SIGINT, SIGTERM};
use signal_hook::flag;

use crate::exit::Exit;

/// What has arrived.
#[derive(Clone, Default)]
pub struct Signals {
    /// Whether to stop.
    pub stop: Arc<AtomicBool>,
    received: Arc<AtomicUsize>,
}

impl Signals {
    /// From now on, a signal only asks to stop.
    pub fn listen(&self) -> io::Result<()> {
        for (signal, exit) in [(SIGINT, Exit::Interrupted), (SIGTERM, Exit::Terminated)] {
            // In this order, so that the first signal finds `stop` unset and passes.
            flag::register_conditional_shutdown(signal, exit as i32, Arc::clone(&self.stop))?;
            flag::register_usize(signal, Arc::clone(&self.received), signal as usize)?;
            flag::register(signal, Arc::clone(&self.stop))?;
        }
        Ok(())
    }

    /// How to end because of the signal received, if any.
    pub fn exit(&self) -> Option<Exit> {
        match self.received.load(Ordering::Relaxed) as i32 {
            SIGINT => Some(Exit::Interrupted),
            SIGTERM => Some(Exit::Terminated),
            _ => None,
        }
    }
}
