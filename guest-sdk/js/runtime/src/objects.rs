//! Where the engine's objects lie.
//!
//! The engine counts references in the objects themselves, so a run writes to each object that it only looks at, and each page
//! with such an object becomes its own. The objects that most runs use are few among many. So they are set apart, on pages of
//! their own. Which ones they are is found out when this module is built: making the engine asks for memory in the same order each
//! time, so an object is known by its number in this order. `xtask` has a sample workflow executed, looks where a run writes, and
//! puts the numbers of what lies there into the table of this module. A wrong table costs memory and nothing else.
//!
//! The objects that evaluating a workflow makes, and those that a run makes, are small and many. They are taken one behind the other
//! from pieces of the heap, whatever their size, and not from holes that are spread over all of it. So they fill few pages. The room
//! of one that was freed is kept for the next of its size.

use std::alloc::{self, Layout};
use std::cell::Cell;
use std::ptr;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};

use rquickjs::allocator::Allocator;

use crate::heap;

/// A page of the machine, which is what runs share of memory.
#[repr(align(4096))]
struct Page {
    _bytes: [u8; 4096],
}

/// How many objects the table has room for.
const ROOM: usize = 2_048;

/// In the table: the object is used by many runs, but not before their first wait.
const LATER: u32 = 1 << 23;

/// What the numbers in heads begin with, by which `xtask` finds heads: that of an object that lies where it happens to, that of one
/// that was set apart, and that of one of the workflow's own.
const MARK: u32 = 0x5a << 24;
const MARK_APART: u32 = 0x5b << 24;
const MARK_OWN: u32 = 0x5c << 24;
const MARKS: u32 = 0xff << 24;

/// The numbers of the objects that are set apart, in their order, and others behind them. Those are no zeros, which would be no part
/// of the module.
static TABLE: [AtomicU32; ROOM] = [const { AtomicU32::new(u32::MAX) }; ROOM];

/// Where the table lies.
#[allow(unsafe_code, reason = "`xtask` finds it by its name")]
#[unsafe(no_mangle)]
extern "C" fn dormouse_apart() -> *const AtomicU32 {
    TABLE.as_ptr()
}

/// What lies before each object.
#[derive(Clone, Copy)]
#[repr(C, align(8))]
struct Head {
    /// Bytes of the object.
    size: usize,
    /// Its mark and its number. A run has no numbers.
    number: u32,
}

const HEAD: usize = size_of::<Head>();

/// Bytes of the largest room, head and all, that is kept for the next object of its size.
const SMALL: usize = 512;

/// Small rooms that lie together.
struct Rooms {
    /// For each size in steps of a head, the room that was freed last. It holds the address of the one before it.
    freed: [Cell<usize>; SMALL / HEAD + 1],
    /// The pieces of the heap from which they are taken, and what is left of the last.
    pieces: Layout,
    free: Cell<Free>,
}

// Sound: this target has one thread.
#[allow(unsafe_code, reason = "the proof stands above")]
unsafe impl Sync for Rooms {}

/// The rooms of the workflow's own objects.
static OWN: Rooms = Rooms::of(Layout::new::<Page>());
/// The rooms of a run. With what the heap puts before it, a piece is as long as a page, and pieces lie one behind the other.
static RUN: Rooms = Rooms::of(Layout::new::<[u64; 510]>());

/// Whether the engine was made: what comes is the workflow's own.
static IS_MADE: AtomicBool = AtomicBool::new(false);

/// Says that the engine was made.
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

    /// Takes a small room.
    fn take(&self, layout: Layout) -> *mut u8 {
        let freed = &self.freed[layout.size() / HEAD];
        let room = freed.get();
        if room != 0 {
            let room = ptr::with_exposed_provenance_mut::<u8>(room);
            // Sound: it was freed, and `give` has written to it.
            freed.set(unsafe { room.cast::<usize>().read() });
            return room;
        }
        cut(&self.free, self.pieces, layout.size())
    }

    /// Keeps a small room.
    fn give(&self, room: *mut u8, layout: Layout) {
        let freed = &self.freed[layout.size() / HEAD];
        // Sound: the room is free, and has place for a head at least.
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

/// What is free of a piece of the heap.
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
    /// How many objects were asked for at deployment.
    asked: Cell<u32>,
    /// Where the next object stands in the table that is set apart.
    next: Cell<usize>,
    /// Room for what a run uses at once, and for what it uses later.
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

    /// Returns room for an object of these bytes, head and all, that is asked for now. It is not zeroed.
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

    /// Where an object lies that is set apart. None for others.
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
    // Sound: with its head, no object is of no bytes.
    unsafe { alloc::alloc(layout) }
}

/// Takes room from what is free of a piece of the heap, or of a new one; null if there is no memory.
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

// Sound: the room of an object is its layout's, which its head tells, and begins with the head. What is set apart is never given
// back, and lies on pages that nothing else is given.
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
            // Whoever looks for heads shall not find it.
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
