//! Changes the date that one program sees, the program into which this library is preloaded (`LD_PRELOAD`). Other
//! programs on the machine see the real date.
//!
//! The file that `DORMOUSE_STORM_CLOCK` names has one number of 64 bits, in the machine's byte order: the nanoseconds
//! by which the date is ahead. The file is mapped into memory, so a write to it changes the date at once, while the
//! program runs. Clocks that are not the date (since the boot, or of a thread) are unchanged. Without the variable, the
//! date is unchanged too.

#![allow(
    unsafe_code,
    reason = "functions of the C library are replaced, whose arguments are pointers; the proof stands beside each block"
)]

use std::ffi::{CStr, c_int, c_void};
use std::mem::{size_of, transmute};
use std::ptr;
use std::sync::atomic::{AtomicI64, AtomicPtr, Ordering};

use libc::{clockid_t, time_t, timespec, timeval};

/// The variable that names the file.
const VARIABLE: &CStr = c"DORMOUSE_STORM_CLOCK";

/// The nanoseconds of a second.
const SECOND: i64 = 1_000_000_000;

type ClockGettime = unsafe extern "C" fn(clockid_t, *mut timespec) -> c_int;

/// The C library's own `clock_gettime`, once it has been looked up.
static REAL: AtomicPtr<c_void> = AtomicPtr::new(ptr::null_mut());

/// The address of the number, once the file has been mapped.
static AHEAD: AtomicPtr<AtomicI64> = AtomicPtr::new(ptr::null_mut());

/// The number of a program that has no file.
static NEVER_AHEAD: AtomicI64 = AtomicI64::new(0);

/// Reads a clock, as the C library's function of this name does.
///
/// # Safety
/// `time` must be valid for a write of a `timespec`, as that function demands.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn clock_gettime(clock: clockid_t, time: *mut timespec) -> c_int {
    // SAFETY: the caller's promise is the one that the real function demands.
    let result = unsafe { real()(clock, time) };
    let is_date = matches!(
        clock,
        libc::CLOCK_REALTIME | libc::CLOCK_REALTIME_COARSE | libc::CLOCK_TAI
    );
    if result != 0 || !is_date {
        return result;
    }
    // SAFETY: the real function has just written to this address and reported success, so the address is valid and
    // initialised.
    let time = unsafe { &mut *time };
    let moved = time
        .tv_sec
        .saturating_mul(SECOND)
        .saturating_add(time.tv_nsec)
        .saturating_add(ahead());
    time.tv_sec = moved.div_euclid(SECOND);
    time.tv_nsec = moved.rem_euclid(SECOND);
    0
}

/// Reads the date, as the C library's function of this name does.
///
/// # Safety
/// `time` must be valid for a write of a `timeval`. The time zone is obsolete, and is not written.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn gettimeofday(time: *mut timeval, _zone: *mut c_void) -> c_int {
    let Some(now) = date() else { return -1 };
    if !time.is_null() {
        let read = timeval {
            tv_sec: now.tv_sec,
            tv_usec: now.tv_nsec / 1_000,
        };
        // SAFETY: the caller promises that the address is valid.
        unsafe { time.write(read) };
    }
    0
}

/// Reads the date in seconds, as the C library's function of this name does.
///
/// # Safety
/// `seconds` must be null or valid for a write of a `time_t`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn time(seconds: *mut time_t) -> time_t {
    let now = date().map_or(-1, |now| now.tv_sec);
    if !seconds.is_null() {
        // SAFETY: the caller promises that the address is valid.
        unsafe { seconds.write(now) };
    }
    now
}

/// Returns the changed date.
fn date() -> Option<timespec> {
    let mut now = timespec {
        tv_sec: 0,
        tv_nsec: 0,
    };
    // SAFETY: the address is that of a local variable.
    let result = unsafe { clock_gettime(libc::CLOCK_REALTIME, &raw mut now) };
    (result == 0).then_some(now)
}

/// Returns the C library's own `clock_gettime`.
fn real() -> ClockGettime {
    let mut found = REAL.load(Ordering::Relaxed);
    if found.is_null() {
        // SAFETY: the name is a C string, and `RTLD_NEXT` is a handle that the function accepts.
        found = unsafe { libc::dlsym(libc::RTLD_NEXT, c"clock_gettime".as_ptr()) };
        if found.is_null() {
            std::process::abort();
        }
        REAL.store(found, Ordering::Relaxed);
    }
    // SAFETY: the address is not null, and the C library's `clock_gettime` has this type on every Linux of 64 bits. Two
    // threads that look it up find the same address.
    unsafe { transmute::<*mut c_void, ClockGettime>(found) }
}

/// Returns the nanoseconds that the date is ahead.
fn ahead() -> i64 {
    let mut place = AHEAD.load(Ordering::Acquire);
    if place.is_null() {
        place = map().unwrap_or((&raw const NEVER_AHEAD).cast_mut());
        // Two threads may map the file at once. Both maps show the same file, and one of them is not used again.
        AHEAD.store(place, Ordering::Release);
    }
    // SAFETY: `place` is a static, or the aligned start of a whole page that is never unmapped. It is only read here,
    // with an atomic operation. Other processes may change it by writing to the file.
    unsafe { (*place).load(Ordering::Relaxed) }
}

/// Maps the file that the environment names. Returns `None` if the environment names none, or the file cannot be
/// mapped.
fn map() -> Option<*mut AtomicI64> {
    // SAFETY: the name is a C string. The host never changes its environment while it runs.
    let path = unsafe { libc::getenv(VARIABLE.as_ptr()) };
    if path.is_null() {
        return None;
    }
    // SAFETY: `getenv` returned a C string.
    let file = unsafe { libc::open(path, libc::O_RDONLY | libc::O_CLOEXEC) };
    if file < 0 {
        return None;
    }
    // SAFETY: the kernel chooses an unused address. The storm made the file as long as the number and never shortens
    // it, so each read is within the file.
    let place = unsafe {
        libc::mmap(
            ptr::null_mut(),
            size_of::<AtomicI64>(),
            libc::PROT_READ,
            libc::MAP_SHARED,
            file,
            0,
        )
    };
    // SAFETY: the file was opened above, and the map does not need it any more.
    unsafe { libc::close(file) };
    (place != libc::MAP_FAILED).then_some(place.cast())
}
