//! A fingerprint of several parts.

use sha2::{Digest as _, Sha256};

/// SHA-256 over parts of any length; no two sequences of parts share their bytes.
pub(crate) struct Digest(Sha256);

impl Digest {
    pub fn new() -> Self {
        Digest(Sha256::new())
    }

    /// Adds a part.
    pub fn part(&mut self, bytes: &[u8]) {
        self.0.update((bytes.len() as u64).to_le_bytes());
        self.0.update(bytes);
    }

    /// The digest in hexadecimal.
    pub fn finish(self) -> String {
        self.0.finalize().iter().map(|byte| format!("{byte:02x}")).collect()
    }
}
