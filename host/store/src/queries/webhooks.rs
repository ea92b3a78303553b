//! Reads of the webhooks of runs.

use std::collections::BTreeMap;

use dormouse_journal::{Kind, RunId, WebhookNumber};

use super::View;
use crate::ReadError;
use crate::rows::Rows;
use crate::rows::table::between;
use crate::rules::{Accepted, RememberedKey};
use crate::tables::{Branch, TableId, duplicates, generations, journal, webhooks};
use crate::views::{Incoming, IncomingView, WebhookView};

/// The error for a webhook whose record with the URL is missing.
const MISSING_URL: ReadError = ReadError::Missing {
    table: "journal",
    named_by: "webhooks",
};

impl<R: Rows> View<R> {
    /// Returns the data that decides whether a request to a webhook is accepted.
    pub(crate) fn incoming(
        &self,
        run: RunId,
        webhook: WebhookNumber,
    ) -> Result<Incoming, ReadError> {
        let Some(state_row) = self.state_row(run)? else {
            return Ok(Incoming::Unknown);
        };
        let has_ended = state_row.state.is_gone();
        let has_failed = state_row.state.is_frozen();
        let webhook = state_row
            .webhooks
            .get(&webhooks::TABLE, &self.0, (run, webhook))?;
        let Some(webhook) = webhook else {
            return Ok(match state_row.state.may_create_webhooks() {
                true => Incoming::ToCome,
                false => Incoming::Unknown,
            });
        };
        let (workflow, secrets) = match &webhook.options.signature {
            None => (String::new(), Vec::new()),
            Some(signature) => {
                let stored = self.stored(run)?.ok_or(ReadError::Missing {
                    table: TableId::Runs.name(),
                    named_by: TableId::States.name(),
                })?;
                let names = signature.secrets.iter().map(String::as_str);
                (stored.run.workflow, self.named_secrets(names)?)
            }
        };
        Ok(Incoming::Known(Box::new(IncomingView {
            webhook,
            has_ended,
            has_failed,
            workflow,
            secrets,
        })))
    }

    /// Returns true if a request to this webhook is remembered by this key, or, if no key is given, by any key.
    pub(crate) fn remembers(
        &self,
        run: RunId,
        webhook: WebhookNumber,
        key: Option<[u8; 32]>,
    ) -> Result<bool, ReadError> {
        let table = &duplicates::TABLE;
        match key {
            Some(key) => table.has(&self.0, (run, webhook, key)),
            None => {
                let all = between((run, webhook, [0; 32]), (run, webhook, [u8::MAX; 32]));
                Ok(!table.keys(&self.0, all, false, 1)?.is_empty())
            }
        }
    }

    /// Returns the answer to a request that repeats another. None if no request with this key is remembered, or if a
    /// repeat of it has no effect.
    pub(crate) fn repeat(
        &self,
        run: RunId,
        webhook: WebhookNumber,
        key: RememberedKey,
    ) -> Result<Option<Accepted>, ReadError> {
        let first = key.first(&self.0, run, webhook)?;
        Ok(first.and_then(|first| key.answer(first)))
    }

    /// Returns at most this many webhooks of a run, in the order in which it created them. None if there is no such
    /// run.
    pub(crate) fn webhooks(
        &self,
        run: RunId,
        limit: usize,
    ) -> Result<Option<Vec<WebhookView>>, ReadError> {
        let Some(state_row) = self.state_row(run)? else {
            // A pending run has no row in `states`, and no webhooks.
            return Ok(self.stored(run)?.map(|_| Vec::new()));
        };
        let all = state_row
            .webhooks
            .all(&webhooks::TABLE, &self.0, run, limit)?;
        let kept = generations::TABLE.get(&self.0, run)?;
        let kept = kept.map_or_else(Vec::new, |generation| generation.kept);
        let mut kept: BTreeMap<_, _> = kept
            .into_iter()
            .map(|kept| (kept.number, kept.url))
            .collect();
        let mut views = Vec::new();
        // Webhooks that one activation created are next to each other, so its record is read once for all of them.
        let mut created = (None, BTreeMap::new());
        for (number, mut webhook) in all {
            if state_row.state.is_gone() {
                // Nothing reaches this webhook any more, whatever its row says.
                webhook.closed = true;
                webhook.waits = 0;
            }
            if webhook.activation < state_row.state.first_activation {
                // A webhook without a URL was not kept, and is about to be removed.
                if let Some(url) = kept.remove(&number) {
                    views.push(WebhookView {
                        number,
                        webhook,
                        url,
                    });
                }
                continue;
            }
            if created.0 != Some(webhook.activation) {
                let urls = self.urls_created(run, &state_row.state.branches, webhook.activation)?;
                created = (Some(webhook.activation), urls);
            }
            let url = match created.1.remove(&number) {
                Some(url) => url,
                None => self.url_set_aside(run, webhook.activation, number)?,
            };
            views.push(WebhookView {
                number,
                webhook,
                url,
            });
        }
        Ok(Some(views))
    }

    /// Returns the URLs of the webhooks that an activation created.
    fn urls_created(
        &self,
        run: RunId,
        branches: &[Branch],
        activation: u32,
    ) -> Result<BTreeMap<WebhookNumber, String>, ReadError> {
        let record = journal::TABLE.get(&self.0, journal::key(run, branches, activation))?;
        let operations = record.into_iter().flat_map(|record| record.operations);
        Ok(operations
            .filter_map(|operation| match operation.kind {
                Kind::CreateWebhook { webhook, url, .. } => Some((webhook, url)),
                _ => None,
            })
            .collect())
    }

    /// Returns the URL of a webhook whose activation was set aside when the run was taken back.
    fn url_set_aside(
        &self,
        run: RunId,
        activation: u32,
        webhook: WebhookNumber,
    ) -> Result<String, ReadError> {
        for (_, set_aside) in self.tries(run, usize::MAX)? {
            if activation >= set_aside.until {
                continue;
            }
            let mut urls = self.urls_created(run, &set_aside.branches, activation)?;
            if let Some(url) = urls.remove(&webhook) {
                return Ok(url);
            }
        }
        Err(MISSING_URL)
    }
}
