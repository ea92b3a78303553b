//! The webhooks of runs.

use std::collections::BTreeMap;

use dormouse_journal::{Kind, RunId, WebhookNumber};

use super::View;
use crate::ReadError;
use crate::rows::Rows;
use crate::tables::{TableId, Webhook, journal, webhooks};
use crate::views::{IncomingView, WebhookView};

/// A webhook's row names the record that has its URL.
const MISSING_URL: ReadError = ReadError::Missing {
    table: "journal",
    named_by: "webhooks",
};

impl<R: Rows> View<R> {
    /// Returns one webhook.
    pub(crate) fn webhook(
        &self,
        run: RunId,
        webhook: WebhookNumber,
    ) -> Result<Option<Webhook>, ReadError> {
        let Some(standing) = self.standing(run)? else {
            return Ok(None);
        };
        standing
            .webhooks
            .get(&webhooks::TABLE, &self.0, (run, webhook))
    }

    /// Returns what a request to a webhook is judged by.
    pub(crate) fn incoming(
        &self,
        run: RunId,
        webhook: WebhookNumber,
    ) -> Result<Option<IncomingView>, ReadError> {
        let Some(webhook) = self.webhook(run, webhook)? else {
            return Ok(None);
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
        Ok(Some(IncomingView {
            webhook,
            workflow,
            secrets,
        }))
    }

    /// Returns the webhooks that a run created first, at most so many. None if there is no such run.
    pub(crate) fn webhooks(
        &self,
        run: RunId,
        limit: usize,
    ) -> Result<Option<Vec<WebhookView>>, ReadError> {
        let Some(standing) = self.standing(run)? else {
            // A pending run has no row, and no webhooks.
            return Ok(self.stored(run)?.map(|_| Vec::new()));
        };
        let all = standing
            .webhooks
            .all(&webhooks::TABLE, &self.0, run, limit)?;
        let mut views = Vec::new();
        // Those that one activation created lie together, and its record is read once for all of them.
        let mut created = (None, BTreeMap::new());
        for (number, webhook) in all {
            if created.0 != Some(webhook.activation) {
                let urls = self.urls_created(run, webhook.activation)?;
                created = (Some(webhook.activation), urls);
            }
            let url = created.1.remove(&number).ok_or(MISSING_URL)?;
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
        activation: u32,
    ) -> Result<BTreeMap<WebhookNumber, String>, ReadError> {
        let record = journal::TABLE.get(&self.0, (run, journal::GENERATION, activation))?;
        let operations = record.ok_or(MISSING_URL)?.operations.into_iter();
        Ok(operations
            .filter_map(|operation| match operation.kind {
                Kind::CreateWebhook { webhook, url, .. } => Some((webhook, url)),
                _ => None,
            })
            .collect())
    }
}
