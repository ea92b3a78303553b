//! Secrets: operators set and list them, and the host opens a secret only for a use that was granted.
//!
//! A value leaves this file only as a [`Secret`], for the check of a signature or for a header that is sent. No
//! journal, log or error contains it.

use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use dormouse_journal::{Encoding, Time, ValuePart, WebhookOptions};
use dormouse_seams::{Entropy, SecretHeader};
use dormouse_secret::{
    InvalidName, InvalidUses, NONCE, OpenError, Origin, Secret, SecretKeys, SecretName, Use,
    check_uses,
};
use dormouse_store::{
    PutSecret, ReadError, SealedSecret, SecretPut, SendingView, Store, WriteError,
};
use zeroize::Zeroizing;

use crate::Unavailable;

/// A secret without its value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SecretView {
    /// The name of the secret.
    pub name: String,
    /// What the secret may be used for.
    pub uses: Vec<Use>,
    /// When the secret was first set.
    pub created: Time,
    /// When the secret was last set.
    pub updated: Time,
    /// True if this host has the key that the secret is sealed with.
    pub readable: bool,
}

/// The result of setting a secret.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SetSecret {
    /// There was no secret of this name.
    Created(SecretView),
    /// The secret replaced one of the same name.
    Replaced(SecretView),
}

/// Why a secret was not set.
#[derive(Debug, thiserror::Error)]
pub enum SetSecretError {
    /// The host has no key to seal the secret with.
    #[error(
        "this host has no key to seal secrets with: make one with `openssl rand -base64 32 > FILE`, keep it safe, and \
         start the host with the setting `secret-key-file` naming that file"
    )]
    NoKey,
    /// The value does not allow this use.
    #[error(transparent)]
    Invalid(#[from] InvalidUses),
    /// There is no secret of this name.
    #[error("there is no secret {0}")]
    Unknown(SecretName),
    /// The value cannot be opened, so it cannot be sealed for other uses.
    #[error(transparent)]
    Closed(#[from] SecretUnusable),
    /// The host cannot do this now.
    #[error(transparent)]
    Unavailable(#[from] Unavailable),
}

/// Why the host cannot use a secret that it should use. This is never the guest's fault.
#[derive(Debug, Clone, thiserror::Error)]
pub enum SecretUnusable {
    /// The host has no key for the secret.
    #[error(
        "the host has no key that opens the secret {0}: start it with the setting `secret-key-file` naming a file that \
         has the key which the secret was set with, or set the secret again"
    )]
    NoKey(SecretName),
    /// The stored value is not what was sealed.
    #[error(
        "the secret {0} is damaged in the store, or somebody has changed its name or its uses there: set it again"
    )]
    Damaged(SecretName),
}

/// The secrets that may check a request.
#[derive(Debug, Default)]
pub(crate) struct Verifying {
    /// The secrets that the host can open. Any of them may match.
    pub(crate) secrets: Vec<Secret>,
    /// Why another secret, which might match, cannot be opened.
    pub(crate) closed: Option<SecretUnusable>,
}

/// Why a secret is not sent.
#[derive(Debug, thiserror::Error)]
pub(crate) enum SendRefused {
    /// No use allows it. The text is for the guest, and does not depend on whether the secret exists.
    #[error("{0}")]
    Denied(String),
    /// The host cannot use the secret now.
    #[error(transparent)]
    Unusable(#[from] SecretUnusable),
}

/// The secrets of a host.
pub(crate) struct Secrets {
    pub(crate) store: Arc<dyn Store>,
    pub(crate) entropy: Arc<dyn Entropy>,
    /// Seals and opens secrets. Without keys, the host can use no secrets.
    pub(crate) keys: Option<Arc<SecretKeys>>,
    /// Held while a secret is set, so that of two concurrent changes none is lost.
    pub(crate) setting: tokio::sync::Mutex<()>,
}

impl Secrets {
    /// Sets a secret, and replaces a secret of the same name. Only these uses are allowed.
    pub(crate) async fn set(
        &self,
        name: SecretName,
        secret: Secret,
        uses: Vec<Use>,
    ) -> Result<SetSecret, SetSecretError> {
        let _setting = self.setting.lock().await;
        let put = self.put(name.clone(), secret, uses).await?;
        tracing::info!(secret = %name, "a secret was set");
        let view = |row| self.view(name.into(), row);
        Ok(match put {
            SecretPut::Created(row) => SetSecret::Created(view(row)),
            SecretPut::Replaced(row) => SetSecret::Replaced(view(row)),
        })
    }

    /// Allows further uses of a secret, and then forbids others. The value does not change.
    pub(crate) async fn change_uses(
        &self,
        name: SecretName,
        add: Vec<Use>,
        remove: &[Use],
    ) -> Result<SecretView, SetSecretError> {
        let _setting = self.setting.lock().await;
        let row = self.store.secret(name.as_str().to_owned()).await;
        let row = row.map_err(Unavailable::from)?;
        let row = row.ok_or_else(|| SetSecretError::Unknown(name.clone()))?;
        let secret = self.open(name.clone(), &row)?;
        let mut uses = row.uses;
        uses.extend(add);
        uses.retain(|granted| !remove.contains(granted));
        let (SecretPut::Created(row) | SecretPut::Replaced(row)) =
            self.put(name.clone(), secret, uses).await?;
        tracing::info!(secret = %name, "the uses of a secret were changed");
        Ok(self.view(name.into(), row))
    }

    /// Seals a value for its uses, and makes it durable.
    async fn put(
        &self,
        name: SecretName,
        secret: Secret,
        mut uses: Vec<Use>,
    ) -> Result<SecretPut, SetSecretError> {
        uses.sort();
        uses.dedup();
        check_uses(&secret, &uses)?;
        let keys = self.keys.as_ref().ok_or(SetSecretError::NoKey)?;
        let mut nonce = [0; NONCE];
        self.entropy.fill(&mut nonce);
        let sealed = keys.seal(&secret, nonce, &name, &uses);
        drop(secret);
        let put = PutSecret { name, sealed, uses };
        Ok(self.store.put_secret(put).await?)
    }

    /// Returns all secrets, by name, without their values.
    pub(crate) async fn list(&self) -> Result<Vec<SecretView>, ReadError> {
        let rows = self.store.secrets().await?.into_iter();
        Ok(rows.map(|(name, row)| self.view(name, row)).collect())
    }

    /// Returns a secret without its value.
    pub(crate) async fn show(&self, name: &str) -> Result<Option<SecretView>, ReadError> {
        let row = self.store.secret(name.to_owned()).await?;
        Ok(row.map(|row| self.view(name.to_owned(), row)))
    }

    /// Deletes a secret. Returns false if there is no secret of this name.
    pub(crate) async fn delete(&self, name: &str) -> Result<bool, WriteError> {
        let existed = self.store.delete_secret(name.to_owned()).await?;
        if existed {
            tracing::info!(secret = name, "a secret was deleted");
        }
        Ok(existed)
    }

    fn view(&self, name: String, row: SealedSecret) -> SecretView {
        SecretView {
            name,
            readable: self.has_key_of(&row),
            uses: row.uses,
            created: row.created,
            updated: row.updated,
        }
    }

    /// Returns the values that may check requests to a webhook or trigger: the secrets that the options name, that
    /// exist, and that are granted to the workflow. `sealed` are the secrets that exist.
    pub(crate) fn verifying(
        &self,
        workflow: &str,
        options: &WebhookOptions,
        sealed: &[(String, SealedSecret)],
    ) -> Verifying {
        let mut verifying = Verifying::default();
        let signature = options.signature.iter();
        for name in signature.flat_map(|signature| &signature.secrets) {
            let granted = |granted: &Use| granted.lets_verify(workflow);
            match find(sealed, name, granted) {
                Some((name, row)) => match self.open(name, row) {
                    Ok(secret) => verifying.secrets.push(secret),
                    Err(unusable) => verifying.closed = Some(unusable),
                },
                None => tracing::debug!(
                    secret = ?name,
                    workflow,
                    "there is no such secret for this workflow to check requests by"
                ),
            }
        }
        verifying
    }

    /// Returns the value of a secret that may check requests for a workflow, if this host can open it.
    pub(crate) fn verifier(
        &self,
        workflow: &str,
        name: &str,
        row: &SealedSecret,
    ) -> Option<Secret> {
        let parsed = name.parse::<SecretName>().ok()?;
        let mut uses = row.uses.iter();
        let is_granted = uses.any(|granted| granted.lets_verify(workflow));
        is_granted.then(|| self.open(parsed, row).ok()).flatten()
    }

    /// Returns the headers of a call that contain secrets, with the present values. If a secret was changed between two
    /// attempts, the second attempt sends the new value.
    pub(crate) fn sending(&self, sending: &SendingView) -> Result<Vec<SecretHeader>, SendRefused> {
        let (workflow, url) = (&sending.workflow, &sending.call.request.url);
        let open = |secret: &str| {
            let granted = |granted: &Use| granted.lets_send(workflow, url);
            let Some((name, row)) = find(&sending.secrets, secret, granted) else {
                return Err(SendRefused::Denied(denial(workflow, secret, url)));
            };
            Ok(self.open(name, row)?)
        };
        let headers = sending.call.secret_headers.iter();
        headers.map(|header| filled(header, open)).collect()
    }

    fn open(&self, name: SecretName, row: &SealedSecret) -> Result<Secret, SecretUnusable> {
        let opened = match &self.keys {
            Some(keys) => keys.open(&row.sealed, &name, &row.uses),
            None => Err(OpenError::NoKey),
        };
        opened.map_err(|error| match error {
            OpenError::NoKey => SecretUnusable::NoKey(name),
            OpenError::Damaged => SecretUnusable::Damaged(name),
        })
    }

    /// Logs a warning if the store has secrets that this host cannot use.
    pub(crate) async fn warn_of_closed(&self) {
        match self.closed().await {
            Ok(count) => {
                if count > 0 {
                    tracing::warn!(
                        secrets = count,
                        "there are secrets that no key of this host opens: give it the key that they were set with, in \
                         the file that `secret-key-file` names or in DORMOUSE_SECRET_KEY, or set them again"
                    );
                }
            }
            Err(error) => {
                tracing::warn!(%error, "the store could not list the secrets, so it is not known whether this host has their keys");
            }
        }
    }

    /// Returns the number of secrets that no key of this host opens.
    pub(crate) async fn closed(&self) -> Result<usize, ReadError> {
        let rows = self.store.secrets().await?;
        Ok(rows.iter().filter(|(_, row)| !self.has_key_of(row)).count())
    }

    fn has_key_of(&self, row: &SealedSecret) -> bool {
        let keys = self.keys.as_ref();
        keys.is_some_and(|keys| keys.has(row.sealed.key))
    }
}

/// Returns a header in which the secrets are replaced by the values that `open` returns.
fn filled(
    header: &dormouse_journal::SecretHeader,
    open: impl Fn(&str) -> Result<Secret, SendRefused>,
) -> Result<SecretHeader, SendRefused> {
    let mut secrets = Vec::new();
    let mut value = Zeroizing::new(Vec::new());
    for group in &header.value {
        let mut joined = Zeroizing::new(Vec::new());
        for part in &group.parts {
            match part {
                ValuePart::Text(text) => joined.extend_from_slice(text.as_bytes()),
                ValuePart::Secret(name) => {
                    let secret = open(name)?;
                    joined.extend_from_slice(secret.expose());
                    secrets.push(secret.expose().to_vec().into());
                }
            }
        }
        match group.encoding {
            Encoding::Plain => value.extend_from_slice(&joined),
            Encoding::Base64 => {
                let encoded = Zeroizing::new(STANDARD.encode(&*joined));
                value.extend_from_slice(encoded.as_bytes());
            }
        }
    }
    Ok(SecretHeader {
        name: header.name.clone(),
        value: std::mem::take(&mut *value).into(),
        secrets,
    })
}

/// Returns the secret of this name, if it exists and one of its uses grants what is asked.
fn find<'s>(
    secrets: &'s [(String, SealedSecret)],
    name: &str,
    grants: impl Fn(&Use) -> bool,
) -> Option<(SecretName, &'s SealedSecret)> {
    let parsed = name.parse::<SecretName>().ok()?;
    let (_, row) = secrets.iter().find(|(found, _)| found == name)?;
    row.uses.iter().any(grants).then_some((parsed, row))
}

/// Returns the message for a guest that may not send a secret. It depends only on what the guest asked for, so that it
/// does not reveal which secrets exist.
fn denial(workflow: &str, name: &str, url: &str) -> String {
    let name = match name.parse::<SecretName>() {
        Ok(name) => name,
        // An invalid name is not repeated, because people copy commands out of such messages.
        Err(error @ InvalidName) => {
            return format!("the call names a secret that cannot be: {error}");
        }
    };
    let Some(origin) = Origin::of(url) else {
        return format!("the secret {name} cannot be sent to this URL: it has no HTTP origin");
    };
    format!(
        "workflow {workflow} may not send the secret {name} to {origin}; `dormouse secret set {name} --workflow \
         {workflow} --send-to {origin}` would allow it"
    )
}

impl From<WriteError> for SetSecretError {
    fn from(error: WriteError) -> Self {
        SetSecretError::Unavailable(error.into())
    }
}

#[cfg(test)]
mod tests;
