//! The list of all tables, and their names.

/// Hands the list of all tables to a macro: each with its name on disk, the parts of its keys, and what its rows are.
///
/// A backend that keeps a table for each of these makes its own from the list. A table that is added here is thereby in
/// every store and in every backup.
#[macro_export]
macro_rules! for_each_table {
    ($then:path) => {
        $then! {
            Broadcasts "broadcasts" (U64) bytes,
            CallBodies "call_bodies" (Run, U32) bytes,
            CallRequests "call_requests" (Run, U32) bytes,
            Calls "calls" (Run, U32) bytes,
            CallsAside "calls_aside" (Run, U32) bytes,
            Children "children" (Run, Run) bytes,
            Code "code" (Digest) bytes,
            Components "components" (Digest) bytes,
            Dates "dates" (U64, Run, U32) nothing,
            Deferred "deferred" (Run, U32) bytes,
            Due "due" (Run) nothing,
            Duplicates "duplicates" (Run, U32, Digest) bytes,
            EventPayloads "event_payloads" (U64) bytes,
            EventWaits "event_waits" (Text, Run, U32) bytes,
            Expiries "expiries" (U64, Bytes) nothing,
            FailedTries "failed_tries" (Run, U32) bytes,
            GenerationInputs "generation_inputs" (Run) bytes,
            Generations "generations" (Run) bytes,
            Handled "handled" (Run) bytes,
            Handlers "handlers" (Run) bytes,
            HeldCalls "held_calls" (Run, U32) bytes,
            Inbox "inbox" (Run, U32, U64) bytes,
            InboxRequests "inbox_requests" (Run, U32, U64) bytes,
            Inputs "inputs" (Run) bytes,
            Journal "journal" (Run, U32, U32) bytes,
            KeyedRuns "keyed_runs" (Run) bytes,
            Logs "logs" (Run, U32, U32) bytes,
            Mail "mail" (Run, Text, U64) bytes,
            MailPayloads "mail_payloads" (Run, Text, U64) bytes,
            Mailboxes "mailboxes" (Run, Text) bytes,
            Meta "meta" (Text) bytes,
            Open "open" (Run, U32) bytes,
            Orders "orders" (Run, U64) bytes,
            PausedRuns "paused_runs" (Run) bytes,
            Repeats "repeats" (Run, U32) bytes,
            Replies "replies" (Run, Text) bytes,
            Restores "restores" (Run, U32) bytes,
            ResultOutcomes "result_outcomes" (Run, U32) bytes,
            Results "results" (Run, U32) bytes,
            Resuming "resuming" (Text, Run) bytes,
            Routed "routed" (Run, Text, U64) bytes,
            RoutedTaken "routed_taken" (Run, U32, U32) bytes,
            RunWaits "run_waits" (Run, Run, U32) nothing,
            Runs "runs" (Run) bytes,
            RunsByLabel "runs_by_label" (Text, Run) nothing,
            RunsByStatus "runs_by_status" (U8, Run) nothing,
            RunsByWorkflow "runs_by_workflow" (Text, Run) nothing,
            Secrets "secrets" (Text) bytes,
            SetAside "set_aside" (Text, Run, Bytes) nothing,
            Starts "starts" (Text, Digest) bytes,
            States "states" (Run) bytes,
            Timers "timers" (U64, Run, U32) nothing,
            TriggerCounts "trigger_counts" (Run) bytes,
            TriggerKeys "trigger_keys" (Run, Digest) bytes,
            TriggerNames "trigger_names" (Text) bytes,
            TriggerRequests "trigger_requests" (Run, Digest) bytes,
            Triggers "triggers" (Run) bytes,
            Tries "tries" (Run, U32) bytes,
            Underway "underway" (Text, U64) nothing,
            Unsettled "unsettled" (Run) bytes,
            Webhooks "webhooks" (Run, U32) bytes,
            Workflows "workflows" (Text) bytes,
        }
    };
}

macro_rules! table_ids {
    ($($table:ident $name:literal ($($part:ident),*) $row:ident,)*) => {
        /// Names a table.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        #[expect(missing_docs, reason = "each table has a file that says what it is")]
        pub enum TableId {
            $($table,)*
        }

        impl TableId {
            /// All tables.
            pub const ALL: &[TableId] = &[$(TableId::$table,)*];

            /// Returns the table's name on disk.
            #[must_use]
            pub fn name(self) -> &'static str {
                match self {
                    $(TableId::$table => $name,)*
                }
            }

            /// Returns the table's layout as far as this list has it: its name, the parts of its keys, and its rows.
            #[must_use]
            pub fn layout(self) -> &'static str {
                match self {
                    $(TableId::$table => concat!($name, stringify!(($($part),*)), " ", stringify!($row)),)*
                }
            }
        }
    };
}

for_each_table!(table_ids);
