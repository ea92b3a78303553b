//! The heap. Memory that is allocated at deployment is in pages that all runs of the workflow share. A run that writes
//! to such a page gets its own copy. So a run does not allocate in the free parts of these pages, where each small
//! allocation could cost the run another page.

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::UnsafeCell;
use std::ptr;
use std::sync::atomic::{AtomicUsize, Ordering};

use dlmalloc::{Allocator, Dlmalloc};

/// The size of a page of Wasm memory, in bytes.
const PAGE: usize = 64 << 10;

/// How many pages are set aside for a run at deployment. A small run needs no more.
const READY: usize = 3;

#[global_allocator]
static HEAP: Heap = Heap(UnsafeCell::new(Dlmalloc::new_with_allocator(Pages)));

/// The address at which the run's part of memory begins, or 0 at deployment.
static BEGIN: AtomicUsize = AtomicUsize::new(0);

/// The address of the pages that are set aside for the run, or 0 if there are none.
static READY_AT: AtomicUsize = AtomicUsize::new(0);

/// Ends the deployment. Memory that is allocated from now on belongs to the run.
pub(crate) fn end_deployment() {
    let before = core::arch::wasm32::memory_grow(0, READY);
    if before == usize::MAX {
        // No pages could be set aside, so a run gets all of its pages from the host.
        BEGIN.store(core::arch::wasm32::memory_size(0) * PAGE, Ordering::Relaxed);
        return;
    }
    BEGIN.store(before * PAGE, Ordering::Relaxed);
    READY_AT.store(before * PAGE, Ordering::Relaxed);
}

/// The allocator. A deployment allocates by the standard library's allocator, and a run has a heap of its own.
struct Heap(UnsafeCell<Dlmalloc<Pages>>);

// Sound: this target has one thread.
#[allow(unsafe_code, reason = "the proof stands above")]
unsafe impl Sync for Heap {}

impl Heap {
    /// Returns the run's heap, or none at deployment.
    #[allow(unsafe_code, reason = "the proof stands beside it")]
    #[allow(
        clippy::mut_from_ref,
        reason = "each caller lets go of it before it returns"
    )]
    fn run(&self) -> Option<&mut Dlmalloc<Pages>> {
        // Sound: there is one thread, and no code that runs while the reference is held allocates.
        is_run().then(|| unsafe { &mut *self.0.get() })
    }
}

/// Returns whether this is a run, and not a deployment.
pub(crate) fn is_run() -> bool {
    BEGIN.load(Ordering::Relaxed) != 0
}

/// Returns whether this is a run and the memory at `place` was allocated at deployment.
pub(crate) fn is_deployed(place: *mut u8) -> bool {
    place.addr() < BEGIN.load(Ordering::Relaxed)
}

// Sound: there are two heaps, and each frees only memory that it allocated. The address tells which heap allocated it,
// since all of the run's memory is behind that of the deployment. A run never frees memory of the deployment. The waste
// is bounded by the size of the first memory, and to mark it as free would write to shared pages.
#[allow(unsafe_code, reason = "the proof stands above")]
unsafe impl GlobalAlloc for Heap {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        match self.run() {
            Some(run) => unsafe { run.malloc(layout.size(), layout.align()) },
            None => unsafe { System.alloc(layout) },
        }
    }

    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        match self.run() {
            Some(run) => unsafe { run.calloc(layout.size(), layout.align()) },
            None => unsafe { System.alloc_zeroed(layout) },
        }
    }

    unsafe fn dealloc(&self, place: *mut u8, layout: Layout) {
        match self.run() {
            Some(_) if is_deployed(place) => {}
            Some(run) => unsafe { run.free(place, layout.size(), layout.align()) },
            None => unsafe { System.dealloc(place, layout) },
        }
    }

    unsafe fn realloc(&self, place: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        match self.run() {
            Some(run) if is_deployed(place) => {
                let moved = unsafe { run.malloc(size, layout.align()) };
                if !moved.is_null() {
                    unsafe { ptr::copy_nonoverlapping(place, moved, layout.size().min(size)) };
                }
                moved
            }
            Some(run) => unsafe { run.realloc(place, layout.size(), layout.align(), size) },
            None => unsafe { System.realloc(place, layout, size) },
        }
    }
}

/// The source of memory for the run's heap: first the pages that were set aside, then new pages from the host.
struct Pages;

// Sound: no other code uses the returned memory. The pages that were set aside are returned once, and all others are new.
#[allow(unsafe_code, reason = "the proof stands above")]
unsafe impl Allocator for Pages {
    fn alloc(&self, size: usize) -> (*mut u8, usize, u32) {
        let ready = READY_AT.load(Ordering::Relaxed);
        if ready != 0 && size <= READY * PAGE {
            READY_AT.store(0, Ordering::Relaxed);
            return (ptr::with_exposed_provenance_mut(ready), READY * PAGE, 0);
        }
        let pages = size.div_ceil(PAGE);
        let before = core::arch::wasm32::memory_grow(0, pages);
        if before == usize::MAX {
            return (ptr::null_mut(), 0, 0);
        }
        let (begin, size) = (before * PAGE, pages * PAGE);
        // An allocation must not end at the end of the address space, since the address of that end is 0.
        let size = if begin.wrapping_add(size) == 0 {
            size - 16
        } else {
            size
        };
        (ptr::with_exposed_provenance_mut(begin), size, 0)
    }

    fn remap(&self, _: *mut u8, _: usize, _: usize, _: bool) -> *mut u8 {
        ptr::null_mut()
    }

    fn free_part(&self, _: *mut u8, _: usize, _: usize) -> bool {
        false
    }

    fn free(&self, _: *mut u8, _: usize) -> bool {
        false
    }

    fn can_release_part(&self, _: u32) -> bool {
        false
    }

    fn allocates_zeros(&self) -> bool {
        true
    }

    fn page_size(&self) -> usize {
        PAGE
    }
}
