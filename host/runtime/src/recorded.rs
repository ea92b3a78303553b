//! Reads the activations of a run from its journal, page by page. While the caller works on one page, the store reads the next.

use std::ops::Range;

use dormouse_journal::Activation;
use dormouse_store::{JournalPage, Read, ReadError};

/// The largest number of activations in a short page. The store reads a short page on the thread that awaits it, and not
/// earlier. Most runs have fewer activations.
const SHORT: usize = 32;

/// The largest number of activations in a long page. The store reads a long page on a thread of its own.
const LONG: usize = 256;

/// The activations of a run that were not returned yet.
///
/// The store limits the bytes of a page, and reads the page whole, so no read is open while a guest executes. After a page
/// that reached this limit, the next page is short and is not read ahead. So two pages are in memory at a time only if
/// their activations are small.
pub(crate) struct Recorded<R> {
    /// Reads at most this many activations, beginning with the activation of this number.
    read: R,
    /// The numbers of the activations that were not read yet.
    left: Range<u32>,
    /// The read of the next page, if it has begun.
    ahead: Option<Ahead>,
}

/// Activations that were read.
pub(crate) struct Page {
    /// The number of the first activation.
    pub(crate) first: u32,
    pub(crate) activations: Vec<Activation>,
    /// Their size in the store, in bytes.
    pub(crate) bytes: usize,
}

/// A page that is being read.
struct Ahead {
    page: Read<JournalPage>,
    limit: usize,
}

impl<R: Fn(u32, usize) -> Read<JournalPage>> Recorded<R> {
    /// Creates a reader of the activations with these numbers.
    pub(crate) fn new(activations: Range<u32>, read: R) -> Self {
        let mut recorded = Recorded {
            read,
            left: activations,
            ahead: None,
        };
        recorded.read_ahead(SHORT);
        recorded
    }

    /// Returns the next activations. None if there are no more.
    pub(crate) async fn next(&mut self) -> Result<Option<Page>, ReadError> {
        let Some(Ahead { page, limit }) = self.ahead.take() else {
            return Ok(None);
        };
        let JournalPage {
            activations,
            more,
            bytes,
        } = page.await?;
        let first = self.left.start;
        let read = u32::try_from(activations.len()).unwrap_or(u32::MAX);
        self.left.start = first.saturating_add(read);
        if more {
            let is_large = activations.len() < limit;
            self.read_ahead(if is_large { SHORT } else { LONG });
        }
        Ok(Some(Page {
            first,
            activations,
            bytes,
        }))
    }

    /// Begins to read the next page, of at most this many activations. Activations beyond the range are left out: a retry
    /// takes the last activation back.
    fn read_ahead(&mut self, limit: usize) {
        let limit = limit.min(self.left.len());
        if limit > 0 {
            let page = (self.read)(self.left.start, limit);
            self.ahead = Some(Ahead { page, limit });
        }
    }
}

#[cfg(test)]
mod tests {
    use std::cell::RefCell;

    use dormouse_journal::{Moment, Time};
    use pollster::block_on;

    use super::*;

    /// Returns an activation whose time is its number.
    fn activation(number: u32) -> Activation {
        let mut cursor = dormouse_journal::Cursor::new();
        cursor.open_live(
            Moment {
                time: Time(number.into()),
                shift: 0,
            },
            None,
        );
        cursor.close(None).unwrap().unwrap()
    }

    /// Reads this range of a journal with `stored` activations, from a store whose pages have room for `room` activations.
    /// Returns the times of the activations, and for each page how many pages had been asked for when it was returned.
    fn read(range: Range<u32>, stored: u32, room: usize) -> (Vec<u64>, Vec<usize>) {
        let asked = RefCell::new(Vec::new());
        let mut recorded = Recorded::new(range, |first, limit| {
            asked.borrow_mut().push(limit);
            let end = first.saturating_add(u32::try_from(limit.min(room)).unwrap());
            let page = JournalPage {
                activations: (first..end.min(stored)).map(activation).collect(),
                more: end < stored,
                bytes: 0,
            };
            Box::pin(async move { Ok(page) })
        });
        let (mut times, mut counts) = (Vec::new(), Vec::new());
        while let Some(page) = block_on(recorded.next()).unwrap() {
            assert_eq!(page.activations[0].time, Time(page.first.into()));
            times.extend(page.activations.iter().map(|activation| activation.time.0));
            counts.push(asked.borrow().len());
        }
        (times, counts)
    }

    #[test]
    fn the_next_page_is_asked_for_before_this_one_is_repeated() {
        let (times, asked) = read(0..700, 700, usize::MAX);
        assert!(times.into_iter().eq(0..700));
        assert_eq!(asked, [2, 3, 4, 4]);
    }

    #[test]
    fn activations_beyond_the_range_are_left_out_wherever_it_begins() {
        for end in [5, 31, 32, 33, 288, 289, 600] {
            let (times, _) = read(3..end, 700, usize::MAX);
            assert!(times.into_iter().eq(3..u64::from(end)), "{end}");
        }
        assert!(read(7..7, 700, usize::MAX).1.is_empty());
    }

    #[test]
    fn a_page_that_its_size_cuts_short_is_followed_by_a_short_one() {
        let asked = RefCell::new(Vec::new());
        let mut recorded = Recorded::new(0..100, |first, limit| {
            asked.borrow_mut().push(limit);
            let activations = vec![activation(first)];
            Box::pin(async move {
                Ok(JournalPage {
                    activations,
                    more: true,
                    bytes: 7,
                })
            })
        });
        for number in 0..100 {
            let page = block_on(recorded.next()).unwrap().unwrap();
            assert_eq!((page.first, page.bytes), (number, 7));
        }
        assert!(block_on(recorded.next()).unwrap().is_none());
        assert_eq!(asked.take()[..3], [SHORT, SHORT, SHORT]);
    }
}
