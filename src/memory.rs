//! Memory that is given back to the system.
//!
//! To read a configuration of a hundred thousand feeds, or the first documents of all of them, takes for a moment several times
//! the memory that is kept. glibc holds what was freed in between for later; when asked, it lets go of it.

/// Gives back what is free; takes some milliseconds.
pub fn give_back() {
    #[cfg(all(target_os = "linux", target_env = "gnu"))]
    #[allow(unsafe_code)]
    // SAFETY: malloc_trim(3) takes a number and touches nothing but free memory; it may be called from any thread at any time.
    unsafe {
        libc::malloc_trim(0);
    }
}
