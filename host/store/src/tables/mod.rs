//! The tables, one file each. A row is encoded by the journal's codec unless its file says otherwise; keys are redb
//! tuples, compared part by part. Rows that a run owns are led by its id, which is led by its time of creation, so that
//! the rows of one time lie together; queues are led by what is scanned. `docs/FORMAT.md` shows the layouts as a whole.

use dormouse_journal::{DecodeError, decode, encode};
use redb::{Key, ReadableTable, Table, TableDefinition, WriteTransaction};
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
pub(crate) mod inbox;
pub(crate) mod inputs;
pub(crate) mod journal;
pub(crate) mod logs;
pub(crate) mod mail;
pub(crate) mod mailboxes;
pub(crate) mod meta;
pub(crate) mod open;
pub(crate) mod outputs;
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

/// Every table, open for writing.
pub(crate) struct Tables<'t> {
    pub(crate) broadcasts: Table<'t, u64, &'static [u8]>,
    pub(crate) calls: Table<'t, (RunKey, u32), &'static [u8]>,
    pub(crate) code: Table<'t, [u8; 32], &'static [u8]>,
    pub(crate) components: Table<'t, [u8; 32], &'static [u8]>,
    pub(crate) due: Table<'t, RunKey, ()>,
    pub(crate) duplicates: Table<'t, (RunKey, u32, [u8; 32]), &'static [u8]>,
    pub(crate) event_waits: Table<'t, (&'static str, RunKey, u32), &'static [u8]>,
    pub(crate) expiries: Table<'t, (u64, &'static [u8]), ()>,
    pub(crate) inbox: Table<'t, (RunKey, u32, u64), &'static [u8]>,
    pub(crate) inputs: Table<'t, RunKey, &'static [u8]>,
    pub(crate) journal: Table<'t, (RunKey, u32, u32), &'static [u8]>,
    pub(crate) logs: Table<'t, (RunKey, u32, u32), &'static [u8]>,
    pub(crate) mail: Table<'t, (RunKey, &'static str, u64), &'static [u8]>,
    pub(crate) mailboxes: Table<'t, (RunKey, &'static str), &'static [u8]>,
    pub(crate) meta: Table<'t, &'static str, &'static [u8]>,
    pub(crate) open: Table<'t, (RunKey, u32), &'static [u8]>,
    pub(crate) outputs: Table<'t, RunKey, &'static [u8]>,
    pub(crate) replies: Table<'t, (RunKey, &'static str), &'static [u8]>,
    pub(crate) results: Table<'t, (RunKey, u32), &'static [u8]>,
    pub(crate) runs: Table<'t, RunKey, &'static [u8]>,
    pub(crate) runs_by_status: Table<'t, (u8, RunKey), ()>,
    pub(crate) runs_by_workflow: Table<'t, (&'static str, RunKey), ()>,
    pub(crate) secrets: Table<'t, &'static str, &'static [u8]>,
    pub(crate) starts: Table<'t, (&'static str, [u8; 32]), &'static [u8]>,
    pub(crate) states: Table<'t, RunKey, &'static [u8]>,
    pub(crate) timers: Table<'t, (u64, RunKey, u32), ()>,
    pub(crate) webhooks: Table<'t, (RunKey, u32), &'static [u8]>,
    pub(crate) workflows: Table<'t, &'static str, &'static [u8]>,
}

impl<'t> Tables<'t> {
    /// Opens them all, and so makes those that do not exist yet.
    pub(crate) fn open(transaction: &'t WriteTransaction) -> Result<Self, redb::TableError> {
        Ok(Tables {
            broadcasts: transaction.open_table(broadcasts::TABLE.definition())?,
            calls: transaction.open_table(calls::TABLE.definition())?,
            code: transaction.open_table(code::TABLE.definition())?,
            components: transaction.open_table(components::TABLE)?,
            due: transaction.open_table(due::TABLE)?,
            duplicates: transaction.open_table(duplicates::TABLE.definition())?,
            event_waits: transaction.open_table(event_waits::TABLE.definition())?,
            expiries: transaction.open_table(expiries::TABLE)?,
            inbox: transaction.open_table(inbox::TABLE.definition())?,
            inputs: transaction.open_table(inputs::TABLE.definition())?,
            journal: transaction.open_table(journal::TABLE.definition())?,
            logs: transaction.open_table(logs::TABLE.definition())?,
            mail: transaction.open_table(mail::TABLE.definition())?,
            mailboxes: transaction.open_table(mailboxes::TABLE.definition())?,
            meta: transaction.open_table(meta::TABLE)?,
            open: transaction.open_table(open::TABLE.definition())?,
            outputs: transaction.open_table(outputs::TABLE.definition())?,
            replies: transaction.open_table(replies::TABLE.definition())?,
            results: transaction.open_table(results::TABLE.definition())?,
            runs: transaction.open_table(runs::TABLE.definition())?,
            runs_by_status: transaction.open_table(runs_by_status::TABLE)?,
            runs_by_workflow: transaction.open_table(runs_by_workflow::TABLE)?,
            secrets: transaction.open_table(secrets::TABLE.definition())?,
            starts: transaction.open_table(starts::TABLE.definition())?,
            states: transaction.open_table(states::TABLE.definition())?,
            timers: transaction.open_table(timers::TABLE)?,
            webhooks: transaction.open_table(webhooks::TABLE.definition())?,
            workflows: transaction.open_table(workflows::TABLE.definition())?,
        })
    }
}
