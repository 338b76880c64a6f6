//! Writes the examples of every fuzz target into folders, to begin fuzzing with.
//!
//! `seeds DIR`

use folkmoot_tests::fuzz::seeds;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::{env, fs, io};

fn main() -> ExitCode {
    let Some(dir) = env::args_os().nth(1) else {
        eprintln!("seeds DIR: the folder for a folder of examples for each target");
        return ExitCode::from(2);
    };
    match write(&PathBuf::from(dir)) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("could not write the examples: {error}");
            ExitCode::FAILURE
        }
    }
}

fn write(dir: &Path) -> io::Result<()> {
    for (at, (target, bytes)) in seeds::all().enumerate() {
        let dir = dir.join(target);
        fs::create_dir_all(&dir)?;
        fs::write(dir.join(format!("example-{at:03}")), bytes)?;
    }
    Ok(())
}
