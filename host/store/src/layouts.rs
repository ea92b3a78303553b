//! A test that ties the layouts of everything that is stored to the schema number of a store.
//!
//! A digest covers the name, keys and row of each table, the version of each row, and the format of every stored type,
//! including every variant. It changes if any of them changes.

use std::collections::BTreeSet;
use std::fmt::Write;

use dormouse_journal as journal;
use dormouse_journal::{
    Activation, CallError, Encoding, End, Failure, Kind, Level, LogLine, Outcome, Payload, Request,
    Response, RunOutcome, Status, ValuePart, WhenParentEnds, WrittenHandshake, WrittenScheme,
};
use dormouse_secret::Purpose;
use serde::de::DeserializeOwned;
use serde_reflection::{ContainerFormat, Samples, Tracer, TracerConfig};
use sha2::{Digest, Sha256};

use crate::migrations::Migration;
use crate::rows::table::Row;
use crate::tables::broadcasts::Broadcast;
use crate::tables::call_requests::{LargeCall, NewCallRows};
use crate::tables::calls::Outstanding;
use crate::tables::children::Child;
use crate::tables::code::Code;
use crate::tables::counts::Counted;
use crate::tables::deferred::{Deferred, Part, SendTo};
use crate::tables::duplicates::Duplicate;
use crate::tables::event_waits::EventWait;
use crate::tables::expiries::Expiring;
use crate::tables::failed_tries::FailedTry;
use crate::tables::generations::Generation;
use crate::tables::handled::Handled;
use crate::tables::handlers::Handles;
use crate::tables::inbox::Queued;
use crate::tables::mail::Mail;
use crate::tables::mailboxes::Mailbox;
use crate::tables::meta::ClockRow;
use crate::tables::orders::{DeferringStage, Order, ReleaseStage, RetryStage, Stage};
use crate::tables::pauses::Since;
use crate::tables::repeats::Repeats;
use crate::tables::results::Arrived;
use crate::tables::resuming::Resuming;
use crate::tables::routed::Routed;
use crate::tables::runs::StoredRun;
use crate::tables::set_aside::Aside;
use crate::tables::small_or_large::SmallOrLarge;
use crate::tables::states::StateRow;
use crate::tables::trigger_keys::{KeyHeld, KeyOfRun};
use crate::tables::trigger_requests::TriggerRequested;
use crate::tables::triggers::Named;
use crate::tables::unsettled::Unsettled;
use crate::tables::{
    PastTry, Pauses, Reply, Restore, SCHEMA, SealedSecret, Start, TableId, TokenKeys, Trigger,
    TriggerCounts, Webhook, Workflow,
};

/// The schema, and the digest of its layouts.
const DIGEST: (u8, &str) = (
    10,
    "694cf91f0929d5555a0867437cd74ad0dff8670d25be3676961ae02e13eccc73",
);

/// Returns the format of a type and of every struct in it. An enum in it appears only by name, and the name is added to
/// `named`. Two enums with the same name may differ (`Result` does), so each enum has a layout of its own.
fn format(tracer: Tracer, itself: &str, named: &mut BTreeSet<String>) -> String {
    let mut text = String::new();
    for (name, format) in tracer.registry_unchecked() {
        if matches!(format, ContainerFormat::Enum(_)) && name != itself {
            named.insert(name);
        } else {
            writeln!(text, "  {name} {format:?}").unwrap();
        }
    }
    text
}

/// Returns the layouts of the stored enums, each with all its variants.
fn enums(known: &mut BTreeSet<String>, named: &mut BTreeSet<String>) -> String {
    let mut text = String::new();
    macro_rules! add {
        ($($name:literal $type:ty,)*) => {
            $(
                let mut tracer = Tracer::new(TracerConfig::default());
                tracer.trace_type::<$type>(&Samples::new()).unwrap();
                text += &format!("{}\n{}", stringify!($type), format(tracer, $name, named));
                known.insert($name.into());
            )*
        };
    }
    add! {
        "Aside" Aside,
        "CallError" CallError,
        "DeferringStage" DeferringStage,
        "Encoding" Encoding,
        "End" End,
        "Expiring" Expiring,
        "Kind" Kind,
        "KeyMissing" journal::KeyMissing,
        "LabelValue" journal::LabelValue,
        "Level" Level,
        "OnExisting" journal::OnExisting,
        "NewCallRows" NewCallRows,
        "Order" Order,
        "Part" Part,
        "SendTo" SendTo,
        "SmallOrLarge" SmallOrLarge<Payload>,
        "Channel" journal::Channel,
        "ReleaseStage" ReleaseStage,
        "Restore" Restore,
        "RetryStage" RetryStage,
        "Source" journal::Source,
        "Stage" Stage,
        "Outcome" Outcome,
        "Place" journal::Place,
        "Reply" journal::Reply,
        "Result" Result<Response, CallError>,
        "Result" Result<Payload, Failure>,
        "Result" Result<String, Failure>,
        "Result" Result<Option<RunOutcome>, Failure>,
        "Result" Result<bool, Failure>,
        "RunOutcome" RunOutcome,
        "Status" Status,
        "Unread" journal::Unread,
        "ValuePart" ValuePart,
        "WhenBroken" journal::WhenBroken,
        "WhenParentEnds" WhenParentEnds,
        "WrittenHandshake" WrittenHandshake,
        "WrittenScheme" WrittenScheme,
    }
    text + &purpose(known, named)
}

/// Returns the layout of an enum that contains an origin, which is a text that cannot be generated.
fn purpose(known: &mut BTreeSet<String>, named: &mut BTreeSet<String>) -> String {
    let mut tracer = Tracer::new(TracerConfig::default());
    let origin = "https://api.example".parse().unwrap();
    for purpose in [Purpose::Verify, Purpose::SendTo(origin)] {
        // Add a new variant to the list of samples as well.
        match &purpose {
            Purpose::Verify | Purpose::SendTo(_) => {}
        }
        tracer.trace_value(&mut Samples::new(), &purpose).unwrap();
    }
    known.insert("Purpose".into());
    format!("Purpose\n{}", format(tracer, "Purpose", named))
}

/// Returns the layout of a table whose rows are records.
fn row<R: Row>(table: TableId, named: &mut BTreeSet<String>) -> String {
    let format = other::<R>(table, named);
    format!("version {} of {format}", R::VERSION)
}

/// Returns the layout of a table whose rows are not records, with the type of its rows.
fn other<T: DeserializeOwned>(table: TableId, named: &mut BTreeSet<String>) -> String {
    let mut tracer = Tracer::new(TracerConfig::default());
    let (itself, _) = tracer.trace_type_once::<T>(&Samples::new()).unwrap();
    format!(
        "{} {itself:?}\n{}",
        table.layout(),
        format(tracer, "", named)
    )
}

/// Returns the layout of a table. There is no default: each new table must state its row type here.
fn layout(table: TableId, named: &mut BTreeSet<String>) -> String {
    match table {
        TableId::Broadcasts => row::<Broadcast>(table, named),
        TableId::Deferred => row::<Deferred>(table, named),
        TableId::CallRequests => row::<LargeCall>(table, named),
        TableId::Calls | TableId::CallsAside => row::<Outstanding>(table, named),
        TableId::Children => row::<Child>(table, named),
        TableId::Code => row::<Code>(table, named),
        TableId::Duplicates => row::<Duplicate>(table, named),
        TableId::EventWaits => row::<EventWait>(table, named),
        TableId::Expiries => other::<Expiring>(table, named),
        TableId::FailedTries => row::<FailedTry>(table, named),
        TableId::HeldCalls => row::<Outstanding>(table, named),
        TableId::Handled => row::<Handled>(table, named),
        TableId::Handlers => row::<Handles>(table, named),
        TableId::Inbox => row::<Queued>(table, named),
        TableId::InboxRequests => row::<Request>(table, named),
        TableId::EventPayloads
        | TableId::GenerationInputs
        | TableId::Inputs
        | TableId::MailPayloads => row::<Payload>(table, named),
        TableId::Generations => row::<Generation>(table, named),
        TableId::Journal => row::<Activation>(table, named),
        TableId::KeyedRuns => row::<KeyOfRun>(table, named),
        TableId::Logs => row::<LogLine>(table, named),
        TableId::Mail => row::<Mail>(table, named),
        TableId::Mailboxes => row::<Mailbox>(table, named),
        TableId::Meta => {
            type Facts = (
                Migration,
                ClockRow,
                u64,
                Counted,
                Pauses,
                TokenKeys,
                [u8; 32],
            );
            other::<Facts>(table, named)
        }
        TableId::Open => row::<journal::Open>(table, named),
        TableId::Orders => row::<Order>(table, named),
        TableId::Repeats => row::<Repeats>(table, named),
        TableId::PausedRuns => row::<Since>(table, named),
        TableId::Resuming => row::<Resuming>(table, named),
        TableId::SetAside => other::<Aside>(table, named),
        TableId::Restores => row::<Restore>(table, named),
        TableId::Tries => row::<PastTry>(table, named),
        TableId::Replies => row::<Reply>(table, named),
        TableId::ResultOutcomes => row::<Outcome>(table, named),
        TableId::Results => row::<Arrived>(table, named),
        TableId::Routed | TableId::RoutedTaken => row::<Routed>(table, named),
        TableId::Runs => row::<StoredRun>(table, named),
        TableId::Secrets => row::<SealedSecret>(table, named),
        TableId::Starts => row::<Start>(table, named),
        TableId::States => row::<StateRow>(table, named),
        TableId::TriggerCounts => row::<TriggerCounts>(table, named),
        TableId::TriggerKeys => row::<KeyHeld>(table, named),
        TableId::TriggerNames => row::<Named>(table, named),
        TableId::TriggerRequests => row::<TriggerRequested>(table, named),
        TableId::Triggers => row::<Trigger>(table, named),
        TableId::Unsettled => row::<Unsettled>(table, named),
        TableId::Webhooks => row::<Webhook>(table, named),
        TableId::Workflows => row::<Workflow>(table, named),
        TableId::CallBodies
        | TableId::Components
        | TableId::Dates
        | TableId::Due
        | TableId::RunWaits
        | TableId::RunsByLabel
        | TableId::RunsByStatus
        | TableId::RunsByWorkflow
        | TableId::Timers
        | TableId::Underway => other::<()>(table, named),
    }
}

#[test]
fn the_layouts_are_those_of_the_schema() {
    let (mut known, mut named) = (BTreeSet::new(), BTreeSet::new());
    let mut text = enums(&mut known, &mut named);
    for table in TableId::ALL {
        text += &layout(*table, &mut named);
    }
    assert_eq!(
        named.difference(&known).collect::<Vec<_>>(),
        [""; 0],
        "an enum is not traced"
    );
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
