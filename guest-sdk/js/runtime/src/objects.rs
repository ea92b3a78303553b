//! Chooses where the engine's objects are in memory, so that runs share as many pages as possible.
//!
//! The engine counts references in the objects themselves. So a run writes to an object even if it only reads the
//! object, and gets its own copy of the page. Most runs use the same few objects of many. These objects are set apart,
//! on pages of their own. They are found when this module is built: the engine allocates in the same order each time
//! that it is made, so an object is identified by its number in this order. `xtask` executes a sample workflow, looks
//! where the run writes, and puts the numbers of the objects there into the table of this module. A wrong table costs
//! memory and nothing else.
//!
//! The objects that are made when a workflow is evaluated, and those that a run makes, are small and many. They are
//! allocated one behind the other in pieces of the heap, whatever their size, and not in free places all over the heap.
//! So they fill few pages. The room of a freed object is kept for the next object of its size.

use std::alloc::{self, Layout};
use std::cell::Cell;
use std::ptr;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};

use rquickjs::allocator::Allocator;

use crate::heap;

/// A page of the machine's memory. Runs share memory in such pages.
#[repr(align(4096))]
struct Page {
    _bytes: [u8; 4096],
}

/// How many numbers the table has room for.
const ROOM: usize = 2_048;

/// A flag of a number in the table: runs use the object only after their first wait.
const LATER: u32 = 1 << 23;

/// The mark in the head of a numbered object that is not set apart. `xtask` finds heads by this mark.
const MARK: u32 = 0x5a << 24;
/// The mark in the head of an object that is set apart.
const MARK_APART: u32 = 0x5b << 24;
/// The mark in the head of a small object that was allocated after the engine was made.
const MARK_OWN: u32 = 0x5c << 24;
/// The bits of a number that contain the mark.
const MARKS: u32 = 0xff << 24;

/// The numbers of the objects that are set apart, in ascending order. The unused entries behind them are not 0, since zeros
/// would not be stored in the module, where `xtask` writes the table.
static TABLE: [AtomicU32; ROOM] = [const { AtomicU32::new(u32::MAX) }; ROOM];

/// Returns the address of the table.
#[allow(unsafe_code, reason = "`xtask` finds it by its name")]
#[unsafe(no_mangle)]
extern "C" fn dormouse_apart() -> *const AtomicU32 {
    TABLE.as_ptr()
}

/// The head, which is in memory before each object.
#[derive(Clone, Copy)]
#[repr(C, align(8))]
struct Head {
    /// The size of the object, in bytes.
    size: usize,
    /// The mark and the number of the object. 0 for an object of a run.
    number: u32,
}

const HEAD: usize = size_of::<Head>();

/// The size of the largest small room, with its head, in bytes. A small room that was freed is kept for the next object
/// of its size.
const SMALL: usize = 512;

/// Small rooms that are next to each other in memory.
struct Rooms {
    /// For each size in steps of a head, the address of the room that was freed last. That room contains the address of
    /// the room that was freed before it, and so on.
    freed: [Cell<usize>; SMALL / HEAD + 1],
    /// The layout of the pieces of the heap from which rooms are taken.
    pieces: Layout,
    /// The free part of the last piece.
    free: Cell<Free>,
}

// Sound: this target has one thread.
#[allow(unsafe_code, reason = "the proof stands above")]
unsafe impl Sync for Rooms {}

/// The rooms of the workflow's own objects.
static OWN: Rooms = Rooms::of(Layout::new::<Page>());
/// The rooms of a run. A piece and the header that the heap puts before it have the size of a page together, so pieces
/// that are allocated one after the other fill whole pages.
static RUN: Rooms = Rooms::of(Layout::new::<[u64; 510]>());

/// True once the engine was made. Objects that are allocated later are the workflow's own.
static IS_MADE: AtomicBool = AtomicBool::new(false);

/// Notes that the engine was made.
pub(crate) fn made() {
    IS_MADE.store(true, Ordering::Relaxed);
}

#[allow(unsafe_code, reason = "the proofs stand beside it")]
impl Rooms {
    const fn of(pieces: Layout) -> Self {
        Rooms {
            freed: [const { Cell::new(0) }; SMALL / HEAD + 1],
            pieces,
            free: Cell::new(Free::NONE),
        }
    }

    /// Returns a small room, preferably one that was freed. Null if there is no memory.
    fn take(&self, layout: Layout) -> *mut u8 {
        let freed = &self.freed[layout.size() / HEAD];
        let room = freed.get();
        if room != 0 {
            let room = ptr::with_exposed_provenance_mut::<u8>(room);
            // Sound: the room was freed, and `give` has written an address to it.
            freed.set(unsafe { room.cast::<usize>().read() });
            return room;
        }
        cut(&self.free, self.pieces, layout.size())
    }

    /// Keeps a small room that was freed for the next object of its size.
    fn give(&self, room: *mut u8, layout: Layout) {
        let freed = &self.freed[layout.size() / HEAD];
        // Sound: the room is free, and is at least as large as a head.
        unsafe { room.cast::<usize>().write(freed.get()) };
        freed.set(room.expose_provenance());
    }
}

impl Head {
    fn layout(size: usize) -> Option<(usize, Layout)> {
        let size = size.checked_next_multiple_of(HEAD)?;
        let layout = Layout::from_size_align(size.checked_add(HEAD)?, HEAD).ok()?;
        Some((size, layout))
    }
}

/// The free part of a piece of the heap, by addresses.
#[derive(Clone, Copy)]
struct Free {
    begin: usize,
    end: usize,
}

impl Free {
    const NONE: Free = Free { begin: 0, end: 0 };
}

/// The engine's allocator.
pub(crate) struct Objects {
    /// How many objects were numbered. At deployment, all are numbered except for the small ones of the workflow's own.
    asked: Cell<u32>,
    /// The index in the table of the next object to set apart.
    next: Cell<usize>,
    /// The free room for objects that a run uses before its first wait, and for those that it uses later.
    free: [Cell<Free>; 2],
}

impl Objects {
    pub(crate) const fn new() -> Self {
        Objects {
            asked: Cell::new(0),
            next: Cell::new(0),
            free: [Cell::new(Free::NONE), Cell::new(Free::NONE)],
        }
    }

    /// Returns room for the next object and its head, and the number for the head. The room is not zeroed, and is null
    /// if there is no memory.
    fn room(&self, layout: Layout) -> (*mut u8, u32) {
        let is_small = layout.size() <= SMALL;
        if heap::is_run() {
            let room = if is_small {
                RUN.take(layout)
            } else {
                global(layout)
            };
            return (room, 0);
        }
        if is_small && IS_MADE.load(Ordering::Relaxed) {
            return (OWN.take(layout), MARK_OWN);
        }
        let number = (self.asked.get() + 1) & !MARKS;
        self.asked.set(number);
        match self
            .free_for(number)
            .map(|free| cut(free, Layout::new::<Page>(), layout.size()))
        {
            Some(room) if !room.is_null() => (room, MARK_APART | number),
            _ => (global(layout), MARK | number),
        }
    }

    /// Returns the free room from which to allocate the object of this number if it is set apart. None for other objects.
    fn free_for(&self, number: u32) -> Option<&Cell<Free>> {
        let next = self.next.get();
        let entry = TABLE.get(next)?.load(Ordering::Relaxed);
        if entry & !LATER != number {
            return None;
        }
        self.next.set(next + 1);
        Some(&self.free[usize::from(entry & LATER != 0)])
    }
}

#[allow(unsafe_code, reason = "the proof stands beside it")]
fn global(layout: Layout) -> *mut u8 {
    // Sound: a layout is never empty, since it includes a head or is that of a piece.
    unsafe { alloc::alloc(layout) }
}

/// Returns room from the free part of a piece of the heap, or from a new piece. Null if there is no memory, or if the
/// room is larger than a piece.
fn cut(free: &Cell<Free>, pieces: Layout, size: usize) -> *mut u8 {
    let mut now = free.get();
    if now.end - now.begin < size {
        if size > pieces.size() {
            return ptr::null_mut();
        }
        let begin = global(pieces).expose_provenance();
        if begin == 0 {
            return ptr::null_mut();
        }
        let end = begin + pieces.size();
        now = Free { begin, end };
    }
    let begin = now.begin;
    now.begin += size;
    free.set(now);
    ptr::with_exposed_provenance_mut(begin)
}

// Sound: the room of an object begins with the head, and the head's size gives its layout. Room that is set apart is
// never freed, and is on pages with nothing else.
#[allow(unsafe_code, reason = "the proof stands above")]
unsafe impl Allocator for Objects {
    fn alloc(&mut self, size: usize) -> *mut u8 {
        let Some((size, layout)) = Head::layout(size) else {
            return ptr::null_mut();
        };
        let (room, number) = self.room(layout);
        if room.is_null() {
            return room;
        }
        unsafe {
            room.cast::<Head>().write(Head { size, number });
            room.add(HEAD)
        }
    }

    fn calloc(&mut self, count: usize, size: usize) -> *mut u8 {
        let Some(size) = count.checked_mul(size) else {
            return ptr::null_mut();
        };
        let object = self.alloc(size);
        if !object.is_null() {
            unsafe { object.write_bytes(0, size) };
        }
        object
    }

    unsafe fn dealloc(&mut self, object: *mut u8) {
        let room = unsafe { object.sub(HEAD) };
        if heap::is_deployed(room) {
            return;
        }
        let head = unsafe { room.cast::<Head>().read() };
        let Some((_, layout)) = Head::layout(head.size) else {
            return;
        };
        if heap::is_run() && layout.size() <= SMALL {
            return RUN.give(room, layout);
        }
        if !heap::is_run() {
            // `xtask` must not find the head of a freed object.
            unsafe { room.cast::<Head>().write(Head { number: 0, ..head }) };
        }
        match head.number & MARKS {
            MARK_APART => {}
            MARK_OWN => OWN.give(room, layout),
            _ => unsafe { alloc::dealloc(room, layout) },
        }
    }

    unsafe fn realloc(&mut self, object: *mut u8, size: usize) -> *mut u8 {
        let room = unsafe { object.sub(HEAD) };
        let had = unsafe { Self::usable_size(object) };
        let Some(((_, before), (wanted, after))) = Head::layout(had).zip(Head::layout(size)) else {
            return ptr::null_mut();
        };
        let is_own = heap::is_run() && !heap::is_deployed(room);
        if is_own && before == after {
            return object;
        }
        if is_own && before.size() > SMALL && after.size() > SMALL {
            let room = unsafe { alloc::realloc(room, before, after.size()) };
            if room.is_null() {
                return room;
            }
            let head = Head {
                size: wanted,
                number: 0,
            };
            unsafe { room.cast::<Head>().write(head) };
            return unsafe { room.add(HEAD) };
        }
        let moved = self.alloc(size);
        if !moved.is_null() {
            unsafe {
                ptr::copy_nonoverlapping(object, moved, had.min(size));
                self.dealloc(object);
            }
        }
        moved
    }

    unsafe fn usable_size(object: *mut u8) -> usize {
        unsafe { object.sub(HEAD).cast::<Head>().read() }.size
    }
}
