//! The command line: everything is in the library, so that tests reach it.

/// Many threads parse and match in turn, and glibc keeps an arena of freed memory for each of them.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> std::process::ExitCode {
    wirewatch::cli::main()
}
