//! What several tests share.

use std::sync::Mutex;

use backpass_kernels::Isa;

/// Held while an instruction set is forced, for that is a matter of the whole process.
pub static FORCED: Mutex<()> = Mutex::new(());

/// Runs `f` with each instruction set of this machine.
pub fn for_each_isa(mut f: impl FnMut(Isa)) {
    let _guard = FORCED.lock();
    for &isa in Isa::available() {
        isa.force();
        assert_eq!(Isa::current(), isa);
        f(isa);
    }
    Isa::detect().force();
}
