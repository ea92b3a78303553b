//! Opens a store: checks its schema, initialises a new store, and migrates an old one.

use std::sync::Arc;

use dormouse_seams::{Clock, Entropy, HostClock};

use crate::OpenError;
use crate::backend::{Backend, BackendTransaction};
use crate::migrations;
use crate::rows::Rows;
use crate::tables::{SCHEMA, TokenKeys, meta};

/// The keys that a store gets when it is made, and keeps.
pub(crate) struct StoreKeys {
    /// The keys of the tokens in URLs.
    pub(crate) tokens: TokenKeys,
    /// The key under which compiled code is sealed.
    pub(crate) code: [u8; 32],
}

/// Initialises a new store, and migrates a store that an earlier version wrote. Returns the clock, which continues from
/// the stored time, and the keys.
pub(crate) async fn open<B: Backend>(
    backend: &B,
    clock: Arc<dyn Clock>,
    entropy: &dyn Entropy,
) -> Result<(HostClock, StoreKeys), OpenError> {
    let opened = prepare(backend, clock, entropy).await?;
    migrations::finish(backend).await?;
    Ok(opened)
}

/// Checks the schema, initialises a new store, and returns the clock and the keys.
///
/// Everything that this writes is one commit. If the host dies before that commit, its next start finds the store
/// unchanged.
async fn prepare<B: Backend>(
    backend: &B,
    clock: Arc<dyn Clock>,
    entropy: &dyn Entropy,
) -> Result<(HostClock, StoreKeys), OpenError> {
    // The schema is checked before anything else: the tables of a newer store may have other types.
    if let Some(found) = meta::TABLE.get(&backend.snapshot()?, meta::FORMAT)? {
        migrations::check_schema(&found)?;
    }
    let mut transaction = backend.begin_housekeeping()?;
    let mut is_as_it_was = false;
    let found = {
        let mut rows = transaction.rows()?;
        match meta::TABLE.get(&rows, meta::FORMAT)? {
            None => {
                meta::TABLE.put(&mut rows, meta::FORMAT, &[SCHEMA])?;
                let tokens = TokenKeys {
                    keys: vec![(1, random(entropy))],
                };
                meta::put(&mut rows, meta::TOKEN_KEYS, &tokens)?;
                meta::put(&mut rows, meta::CODE_KEY, &random::<32>(entropy))?;
                let clock = HostClock::new(clock.clone(), None);
                meta::put_clock(&mut rows, clock.snapshot())?;
            }
            Some(found) => {
                is_as_it_was = found == [SCHEMA];
                migrations::begin(&mut rows, &found)?;
            }
        }
        let keys = StoreKeys {
            tokens: fact(&rows, meta::TOKEN_KEYS)?,
            code: fact(&rows, meta::CODE_KEY)?,
        };
        let missing = || OpenError::Damaged("its clock is missing".into());
        let snapshot = meta::clock(&rows)?.ok_or_else(missing)?;
        (HostClock::new(clock, Some(snapshot)), keys)
    };
    if is_as_it_was {
        // If nothing is new, a start writes nothing, so that it works on a full disk.
        transaction.abort()?;
    } else {
        transaction.commit().await?;
    }
    Ok(found)
}

/// Returns a value that every store has.
fn fact<T: serde::de::DeserializeOwned>(rows: &impl Rows, name: &str) -> Result<T, OpenError> {
    meta::get(rows, name)?.ok_or_else(|| OpenError::Damaged(format!("its {name} is missing")))
}

fn random<const N: usize>(entropy: &dyn Entropy) -> [u8; N] {
    let mut bytes = [0; N];
    entropy.fill(&mut bytes);
    bytes
}
