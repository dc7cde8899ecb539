//! The binary `chergui`: reads the arguments, runs the command, ends with its exit code.

use api::cli::{Arguments, Failure, run};
use clap::Parser;
use std::process::ExitCode;

/// Gives freed memory back and does not scatter it; settings in `.cargo/config.toml`, reasons in `docs/why.md`.
#[global_allocator]
static ALLOCATOR: tikv_jemallocator::Jemalloc = tikv_jemallocator::Jemalloc;

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    api::logging::start();
    let runtime = match tokio::runtime::Builder::new_multi_thread().enable_all().thread_stack_size(8 << 20).build() {
        Ok(runtime) => runtime,
        Err(cause) => return complain(&Failure::from(cause)),
    };
    match runtime.block_on(run(arguments)) {
        Ok(()) | Err(Failure::Pipe) => ExitCode::SUCCESS,
        Err(failure) => complain(&failure),
    }
}

fn complain(failure: &Failure) -> ExitCode {
    eprintln!("chergui: {failure}");
    ExitCode::from(failure.exit() as u8)
}
