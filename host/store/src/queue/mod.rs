//! The queue in front of the disk: writes are gathered into groups, and each group is made durable by one commit.

mod fair;
mod group;
mod hold;
mod order;
mod space;
mod writer;

pub use hold::{Decided, Following, Hold};
pub use order::Order;
pub use writer::Commits;
pub(crate) use writer::Writer;
