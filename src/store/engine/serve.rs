//! The child's side: `plimsoll engine`. Takes the directory's lock, writes the configuration, becomes ClickHouse.

use super::{BUSY, EngineError, ffi, files::Files};
use rustix::process::{Pid, Signal, getppid, set_parent_process_death_signal};
use std::path::Path;

/// What `plimsoll engine` is told.
#[derive(Debug, Clone)]
pub struct Serve<'a> {
    /// The engine's directory: `<data_dir>/engine`.
    pub dir: &'a Path,
    /// `libchdb.so`.
    pub library: &'a Path,
    /// Its memory limit, bytes.
    pub memory_max_bytes: u64,
    /// The process that started it and must not be outlived; `None` when a person did.
    pub parent: Option<i32>,
}

/// The body of `plimsoll engine`. Never returns: the process ends with status [`BUSY`] when the directory has an engine already, 1 when it fails (with
/// the reason on standard error), and otherwise by a signal.
///
/// It ends when the thread that started it does (`PR_SET_PDEATHSIG`), so that no engine outlives us. `SIGTERM` and even `SIGKILL` are a clean end: what was
/// acknowledged is on the disk.
pub fn serve(serve: &Serve<'_>) -> ! {
    let status = match become_engine(serve) {
        Ok(None) => i32::from(BUSY),
        Ok(Some(why)) => {
            eprintln!("plimsoll engine: ended: {why}");
            1
        }
        Err(e) => {
            eprintln!("plimsoll engine: {e}");
            1
        }
    };
    ffi::exit(status)
}

fn become_engine(serve: &Serve<'_>) -> Result<Option<String>, EngineError> {
    let files = Files::open(serve.dir)?;
    let failed = |why: String| EngineError::Directory {
        dir: serve.dir.to_owned(),
        why,
    };
    if let Some(parent) = serve.parent {
        set_parent_process_death_signal(Some(Signal::TERM))
            .map_err(|e| failed(format!("cannot ask to end with its parent: {e}")))?;
        // The parent may have ended before we asked.
        if getppid().map(Pid::as_raw_pid) != Some(parent) {
            return Ok(Some("its parent is gone".to_owned()));
        }
    }
    let Some(_lock) = files.lock()? else {
        return Ok(None);
    };
    files.forget_port()?;
    files.write_configuration(serve.memory_max_bytes)?;
    ffi::run(serve.library, &arguments(&files))
        .map(Some)
        .map_err(failed)
}

/// ClickHouse's command line. A port of the system's choice; `chdb_connect` could not start the listener, a script of queries can. The last query holds: it
/// sleeps for ever, a second at a time, and costs nothing.
fn arguments(files: &Files) -> Vec<String> {
    let port = files
        .text("port")
        .replace('\\', "\\\\")
        .replace('\'', "\\'");
    let script = format!(
        "SYSTEM START LISTEN HTTP; \
         SELECT getServerPort('http_port') INTO OUTFILE '{port}' TRUNCATE FORMAT TSV; \
         SELECT sleepEachRow(1) FROM system.numbers SETTINGS max_block_size = 1, max_threads = 1, \
         function_sleep_max_microseconds_per_block = 0, max_execution_time = 0 FORMAT Null"
    );
    vec![
        "clickhouse".to_owned(),
        format!("--path={}", files.text("data")),
        "--http_port=0".to_owned(),
        "--listen_host=127.0.0.1".to_owned(),
        format!("--config-file={}", files.text("config.xml")),
        "-q".to_owned(),
        script,
    ]
}
