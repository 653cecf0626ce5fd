//! The foreign side: `libchdb.so`, which holds ClickHouse, and the C library's allocator. The only module with `unsafe` in it.
#![expect(
    unsafe_code,
    reason = "a C library is called; every block says why it is sound"
)]

use libloading::os::unix::{Library, RTLD_LOCAL, RTLD_NOW, Symbol};
use std::{
    ffi::{CStr, CString, c_char, c_int, c_void},
    path::Path,
};

/// `void chdb_set_signal_handlers_enabled(int)`.
type SetSignalHandlers = unsafe extern "C" fn(c_int);
/// `chdb_result * chdb_query_cmdline(int argc, const char * const * argv)`: blocks until the queries of the command line have ended.
type QueryCmdline = unsafe extern "C" fn(c_int, *const *const c_char) -> *mut c_void;
/// `const char * chdb_result_error(chdb_result *)`: null when there is none; owned by the result.
type ResultError = unsafe extern "C" fn(*mut c_void) -> *const c_char;

/// Arenas that this process's threads allocate from. glibc makes eight for each core, and what a thread has freed stays in its arena: the batches that a few threads
/// took apart one after the other then took their room several times over.
#[cfg(target_env = "gnu")]
const ARENAS: c_int = 2;

/// Lets threads share their room. To be called before there are any.
pub(super) fn share_arenas() {
    #[cfg(target_env = "gnu")]
    // SAFETY: it takes any two integers, and this process has one thread yet. That it may refuse costs nothing but memory.
    let _ = unsafe { libc::mallopt(libc::M_ARENA_MAX, ARENAS) };
}

/// Runs ClickHouse with a command line, as its own `main` would, until the command line's queries end. Returns why they ended.
///
/// The library is never unloaded, and its result never freed: the process ends by [`exit`] right after.
pub(super) fn run(library: &Path, arguments: &[String]) -> Result<String, String> {
    let arguments: Vec<CString> = arguments
        .iter()
        .map(|a| CString::new(a.as_str()))
        .collect::<Result<_, _>>()
        .map_err(|e| format!("an argument cannot be passed to C: {e}"))?;
    let pointers: Vec<*const c_char> = arguments.iter().map(|a| a.as_ptr()).collect();
    let count = c_int::try_from(pointers.len()).map_err(|e| e.to_string())?;

    // SAFETY: loading runs the library's initialisers. It is the engine's library as released, this process does nothing else and has one thread, and
    // the handle is leaked below, so that nothing it started can outlive its code.
    let loaded = unsafe { Library::open(Some(library), RTLD_NOW | RTLD_LOCAL) }
        .map_err(|e| format!("cannot load {}: {e}", library.display()))?;
    let loaded: &'static Library = Box::leak(Box::new(loaded));
    // SAFETY: the names and types are those of chdb.h of that release.
    let set_signal_handlers: Symbol<SetSignalHandlers> =
        unsafe { symbol(loaded, library, "chdb_set_signal_handlers_enabled")? };
    // SAFETY: as above.
    let query_cmdline: Symbol<QueryCmdline> =
        unsafe { symbol(loaded, library, "chdb_query_cmdline")? };
    // SAFETY: as above.
    let result_error: Symbol<ResultError> =
        unsafe { symbol(loaded, library, "chdb_result_error")? };

    // SAFETY: it takes any integer, and comes before any query, as chdb.h asks.
    unsafe { set_signal_handlers(0) };
    // SAFETY: `pointers` holds `count` pointers to C strings which live until after the call; the library copies what it keeps.
    let result = unsafe { query_cmdline(count, pointers.as_ptr()) };
    if result.is_null() {
        return Err("the engine gave no result".to_owned());
    }
    // SAFETY: `result` came from this library, is not null and is never freed.
    let error = unsafe { result_error(result) };
    if error.is_null() {
        return Ok("its command line ended".to_owned());
    }
    // SAFETY: not null, so a C string that belongs to `result`, which is never freed.
    Err(unsafe { CStr::from_ptr(error) }
        .to_string_lossy()
        .into_owned())
}

/// # Safety
/// `T` must be the type of the function of that name in `library`.
unsafe fn symbol<T>(
    loaded: &'static Library,
    library: &Path,
    name: &str,
) -> Result<Symbol<T>, String> {
    // SAFETY: the caller vouches for the type.
    unsafe { loaded.get(name.as_bytes()) }
        .map_err(|e| format!("{} is not the engine's library at the version this program needs (26.7.3-stable.1): {e}", library.display()))
}

/// Ends the process at once, without the destructors of the library, which must not run while its threads do.
pub(super) fn exit(status: i32) -> ! {
    // SAFETY: `_exit` takes any status and does not return; nothing in this process is left to flush.
    unsafe { libc::_exit(status) }
}
