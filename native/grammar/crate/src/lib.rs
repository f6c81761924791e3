//! The C functions of llguidance, which llguidance.h declares, and one of our own.
use std::ffi::c_char;

pub use llguidance::*;
use llguidance::ffi::{llg_new_matcher, LlgConstraintInit, LlgMatcher};

/// The parsers of schemas and grammars call themselves for each rule that refers to another one, so a chain of them
/// needs a stack in proportion to the source. Only what is used of it takes memory.
const STACK_BYTES: usize = 1 << 30;

struct Pointers(*const LlgConstraintInit, *const c_char, *const c_char);
struct Made(*mut LlgMatcher);
// They go to one other thread and back, while the caller waits.
unsafe impl Send for Pointers {}
unsafe impl Send for Made {}

/// `llg_new_matcher` on a thread with a stack that is large enough for any source of a MiB. Null when the system has no
/// room for that stack.
///
/// # Safety
/// As for `llg_new_matcher`.
#[no_mangle]
pub unsafe extern "C" fn llm_new_matcher(
    init: *const LlgConstraintInit,
    kind: *const c_char,
    source: *const c_char,
) -> *mut LlgMatcher {
    let pointers = Pointers(init, kind, source);
    let work = move || {
        let all = pointers;
        Made(unsafe { llg_new_matcher(&*all.0, all.1, all.2) })
    };
    match std::thread::Builder::new().stack_size(STACK_BYTES).spawn(work) {
        Ok(thread) => thread.join().map_or(std::ptr::null_mut(), |made| made.0),
        Err(_) => std::ptr::null_mut(),
    }
}
