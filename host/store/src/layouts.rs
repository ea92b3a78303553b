//! Holds the layouts of everything that is recorded to the number that a store carries.
//!
//! A digest covers the name, keys and row of each table, the version of each row, and the format of every type that is
//! recorded, down to the last variant. It changes with any of them.

use std::fmt::Write;

use dormouse_journal::{
    Activation, CallError, End, Handshake, Kind, Level, LogLine, Outcome, Payload,
    Reply as ReplyOption, Request, Response, SignatureScheme, Status, Time,
};
use dormouse_secret::Purpose;
use serde::de::DeserializeOwned;
use serde_reflection::{Registry, Samples, Tracer, TracerConfig};
use sha2::{Digest, Sha256};

use crate::migrations::Migration;
use crate::rows::table::Row;
use crate::tables::broadcasts::Broadcast;
use crate::tables::calls::Outstanding;
use crate::tables::code::Code;
use crate::tables::duplicates::Duplicate;
use crate::tables::event_waits::EventWait;
use crate::tables::expiries::Expiring;
use crate::tables::inbox::Queued;
use crate::tables::mail::Mail;
use crate::tables::mailboxes::Mailbox;
use crate::tables::results::Arrived;
use crate::tables::runs::StoredRun;
use crate::tables::states::Standing;
use crate::tables::{
    Call, Reply, SCHEMA, SealedSecret, Start, TableId, TokenKeys, Webhook, Workflow,
};

/// The digest of the layouts of each schema, the last one being what this version writes.
const DIGEST: (u8, &str) = (2, "");

/// The layouts as text.
struct Layouts {
    tracer: Tracer,
    samples: Samples,
    text: String,
}

impl Layouts {
    /// Adds a type that is a part of rows.
    fn part<T: DeserializeOwned>(&mut self) -> String {
        let traced = self.tracer.trace_type::<T>(&self.samples);
        let (format, _) = traced.unwrap();
        format!("{format:?}")
    }

    /// Adds the row of a table.
    fn row<R: Row>(&mut self, table: TableId) {
        let format = self.part::<R>();
        let layout = table.layout();
        writeln!(self.text, "{layout} version {} {format}", R::VERSION).unwrap();
    }

    /// Adds a table whose rows are no records, with what they are instead.
    fn other<T: DeserializeOwned>(&mut self, table: TableId) {
        let format = self.part::<T>();
        writeln!(self.text, "{} {format}", table.layout()).unwrap();
    }

    /// Returns the text, with the format of every type that was met.
    fn finish(self) -> String {
        let registry: Registry = self.tracer.registry().unwrap();
        let mut text = self.text;
        for (name, format) in registry {
            writeln!(text, "{name} {format:?}").unwrap();
        }
        text
    }
}

fn layouts() -> String {
    let mut all = Layouts {
        tracer: Tracer::new(TracerConfig::default()),
        samples: Samples::new(),
        text: String::new(),
    };
    let purpose = Purpose::SendTo("https://api.example".parse().unwrap());
    all.tracer.trace_value(&mut all.samples, &purpose).unwrap();
    enums(&mut all);
    for table in TableId::ALL {
        row(&mut all, *table);
    }
    all.finish()
}

/// The enums, each of which is known whole only if it is asked for by itself.
fn enums(all: &mut Layouts) {
    all.part::<CallError>();
    all.part::<Result<Response, CallError>>();
    all.part::<End>();
    all.part::<Handshake>();
    all.part::<SignatureScheme>();
    all.part::<ReplyOption>();
    all.part::<Kind>();
    all.part::<Level>();
    all.part::<Outcome>();
    all.part::<Purpose>();
    all.part::<Status>();
}

/// Adds a table. There is no default: a new one must say what its rows are.
fn row(all: &mut Layouts, table: TableId) {
    match table {
        TableId::Broadcasts => all.row::<Broadcast>(table),
        TableId::CallRequests => all.row::<Call>(table),
        TableId::Calls => all.row::<Outstanding>(table),
        TableId::Code => all.row::<Code>(table),
        TableId::Duplicates => all.row::<Duplicate>(table),
        TableId::EventWaits => all.row::<EventWait>(table),
        TableId::Expiries => all.other::<Expiring>(table),
        TableId::Inbox => all.row::<Queued>(table),
        TableId::InboxRequests => all.row::<Request>(table),
        TableId::Inputs | TableId::MailPayloads => all.row::<Payload>(table),
        TableId::Journal => all.row::<Activation>(table),
        TableId::Logs => all.row::<LogLine>(table),
        TableId::Mail => all.row::<Mail>(table),
        TableId::Mailboxes => all.row::<Mailbox>(table),
        TableId::Meta => all.other::<(Migration, Time, u64, TokenKeys, [u8; 32])>(table),
        TableId::Open => all.row::<dormouse_journal::Open>(table),
        TableId::Replies => all.row::<Reply>(table),
        TableId::ResultOutcomes => all.row::<Outcome>(table),
        TableId::Results => all.row::<Arrived>(table),
        TableId::Runs => all.row::<StoredRun>(table),
        TableId::Secrets => all.row::<SealedSecret>(table),
        TableId::Starts => all.row::<Start>(table),
        TableId::States => all.row::<Standing>(table),
        TableId::Webhooks => all.row::<Webhook>(table),
        TableId::Workflows => all.row::<Workflow>(table),
        TableId::Components
        | TableId::Due
        | TableId::RunsByStatus
        | TableId::RunsByWorkflow
        | TableId::Timers => all.other::<()>(table),
    }
}

#[test]
fn the_layouts_are_those_of_the_schema() {
    let text = layouts();
    let mut digest = String::new();
    for byte in Sha256::digest(&text) {
        write!(digest, "{byte:02x}").unwrap();
    }
    assert_eq!(
        (SCHEMA, digest.as_str()),
        DIGEST,
        "the layout of something that is recorded has changed: raise SCHEMA, add a migration if keys changed, and a \
         reader for rows of the old version; then pin the new digest here. The layouts are now:\n{text}"
    );
}
