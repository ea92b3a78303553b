//! The tables, one file each. A row is encoded by the journal's codec unless its file says otherwise; keys are redb
//! tuples, compared part by part. Rows that a run owns are led by its id, which is led by its time of creation, so that
//! the rows of one time lie together; queues are led by what is scanned. `docs/FORMAT.md` shows the layouts as a whole.

use dormouse_journal::{DecodeError, decode, encode};
use redb::{Key, ReadableTable, Table, TableDefinition, Value, WriteTransaction};
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::ReadError;

pub(crate) mod broadcasts;
pub(crate) mod calls;
pub(crate) mod code;
pub(crate) mod components;
pub(crate) mod due;
pub(crate) mod duplicates;
pub(crate) mod event_waits;
pub(crate) mod expiries;
pub(crate) mod few;
pub(crate) mod inbox;
pub(crate) mod inputs;
pub(crate) mod journal;
pub(crate) mod logs;
pub(crate) mod mail;
pub(crate) mod mailboxes;
pub(crate) mod meta;
pub(crate) mod open;
pub(crate) mod replies;
pub(crate) mod results;
pub(crate) mod runs;
pub(crate) mod runs_by_status;
pub(crate) mod runs_by_workflow;
pub(crate) mod secrets;
pub(crate) mod starts;
pub(crate) mod states;
pub(crate) mod timers;
pub(crate) mod webhooks;
pub(crate) mod workflows;

pub use calls::{Attempts, Call};
pub use code::Code;
pub use meta::TokenKeys;
pub use replies::Reply;
pub use runs::Run;
pub use secrets::SealedSecret;
pub use starts::Start;
pub use states::State;
pub use webhooks::Webhook;
pub use workflows::{Version, Workflow};

/// A run's id as a key.
pub(crate) type RunKey = [u8; 16];

/// A table whose rows are encoded values of one type.
pub(crate) struct Rows<K: Key + 'static, V> {
    definition: TableDefinition<'static, K, &'static [u8]>,
    name: &'static str,
    row: std::marker::PhantomData<V>,
}

impl<K: Key + 'static, V: Serialize + DeserializeOwned> Rows<K, V> {
    pub(crate) const fn new(name: &'static str) -> Self {
        Rows {
            definition: TableDefinition::new(name),
            name,
            row: std::marker::PhantomData,
        }
    }

    pub(crate) fn definition(&self) -> TableDefinition<'static, K, &'static [u8]> {
        self.definition
    }

    pub(crate) fn get<'k>(
        &self,
        table: &impl ReadableTable<K, &'static [u8]>,
        key: impl std::borrow::Borrow<K::SelfType<'k>>,
    ) -> Result<Option<V>, ReadError> {
        match table.get(key)? {
            Some(guard) => self.decode(guard.value()).map(Some),
            None => Ok(None),
        }
    }

    pub(crate) fn decode(&self, bytes: &[u8]) -> Result<V, ReadError> {
        decode(bytes).map_err(|source| self.damaged(source))
    }

    pub(crate) fn damaged(&self, source: DecodeError) -> ReadError {
        ReadError::Row {
            table: self.name,
            source,
        }
    }

    pub(crate) fn put<'k>(
        &self,
        table: &mut Table<'_, K, &'static [u8]>,
        key: impl std::borrow::Borrow<K::SelfType<'k>>,
        row: &V,
    ) -> Result<(), ReadError> {
        table.insert(key, encode(row).as_slice())?;
        Ok(())
    }
}

/// Makes [`Tables`] and [`visit`] of one list: a table that is in it is opened by every write, and is in every backup.
macro_rules! tables {
    ($($name:ident: $key:ty => $value:ty = $definition:expr,)*) => {
        /// Every table, open for writing.
        pub(crate) struct Tables<'t> {
            $(pub(crate) $name: Table<'t, $key, $value>,)*
        }

        impl<'t> Tables<'t> {
            /// Opens them all, and so makes those that do not exist yet.
            pub(crate) fn open(transaction: &'t WriteTransaction) -> Result<Self, redb::TableError> {
                Ok(Tables {
                    $($name: transaction.open_table($definition)?,)*
                })
            }
        }

        /// Shows every table to a visitor, one after the other.
        pub(crate) fn visit<V: Visitor>(visitor: &mut V) -> Result<(), V::Error> {
            $(visitor.table::<$key, $value>($definition)?;)*
            Ok(())
        }
    };
}

/// What does the same to every table, whatever its rows are.
pub(crate) trait Visitor {
    /// Why it stops.
    type Error;

    /// Sees one table.
    fn table<K: Key + 'static, V: Value + 'static>(
        &mut self,
        definition: TableDefinition<'static, K, V>,
    ) -> Result<(), Self::Error>;
}

tables! {
    broadcasts: u64 => &'static [u8] = broadcasts::TABLE.definition(),
    calls: (RunKey, u32) => &'static [u8] = calls::TABLE.definition(),
    code: [u8; 32] => &'static [u8] = code::TABLE.definition(),
    components: [u8; 32] => &'static [u8] = components::TABLE,
    due: RunKey => () = due::TABLE,
    duplicates: (RunKey, u32, [u8; 32]) => &'static [u8] = duplicates::TABLE.definition(),
    event_waits: (&'static str, RunKey, u32) => &'static [u8] = event_waits::TABLE.definition(),
    expiries: (u64, &'static [u8]) => () = expiries::TABLE,
    inbox: (RunKey, u32, u64) => &'static [u8] = inbox::TABLE.definition(),
    inputs: RunKey => &'static [u8] = inputs::TABLE.definition(),
    journal: (RunKey, u32, u32) => &'static [u8] = journal::TABLE.definition(),
    logs: (RunKey, u32, u32) => &'static [u8] = logs::TABLE.definition(),
    mail: (RunKey, &'static str, u64) => &'static [u8] = mail::TABLE.definition(),
    mailboxes: (RunKey, &'static str) => &'static [u8] = mailboxes::TABLE.definition(),
    meta: &'static str => &'static [u8] = meta::TABLE,
    open: (RunKey, u32) => &'static [u8] = open::TABLE.definition(),
    replies: (RunKey, &'static str) => &'static [u8] = replies::TABLE.definition(),
    results: (RunKey, u32) => &'static [u8] = results::TABLE.definition(),
    runs: RunKey => &'static [u8] = runs::TABLE.definition(),
    runs_by_status: (u8, RunKey) => () = runs_by_status::TABLE,
    runs_by_workflow: (&'static str, RunKey) => () = runs_by_workflow::TABLE,
    secrets: &'static str => &'static [u8] = secrets::TABLE.definition(),
    starts: (&'static str, [u8; 32]) => &'static [u8] = starts::TABLE.definition(),
    states: RunKey => &'static [u8] = states::TABLE.definition(),
    timers: (u64, RunKey, u32) => () = timers::TABLE,
    webhooks: (RunKey, u32) => &'static [u8] = webhooks::TABLE.definition(),
    workflows: &'static str => &'static [u8] = workflows::TABLE.definition(),
}
