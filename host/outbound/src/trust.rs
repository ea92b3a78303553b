//! Whom TLS trusts: the certificate authorities of the system.

use std::sync::Arc;

use hyper_rustls::ConfigBuilderExt as _;
use rustls::client::WantsClientCert;
use rustls::{ClientConfig, ConfigBuilder, RootCertStore, WantsVerifier};

/// A TLS configuration, and whether it trusts anyone.
#[derive(Clone)]
pub(crate) struct Trust {
    pub(crate) config: ClientConfig,
    /// False when the system has no root certificates. The host starts all the same, since workflows that call nobody
    /// over https need none.
    pub(crate) any: bool,
}

impl Trust {
    /// The system's certificate authorities.
    pub(crate) fn system() -> Self {
        match builder().with_native_roots() {
            Ok(trusting) => Self::finish(trusting, true),
            Err(error) => {
                tracing::warn!(%error, "no root certificates: calls to https URLs will fail");
                Self::in_roots(RootCertStore::empty())
            }
        }
    }

    /// These certificate authorities and no others.
    pub(crate) fn in_roots(roots: RootCertStore) -> Self {
        let any = !roots.is_empty();
        Self::finish(builder().with_root_certificates(roots), any)
    }

    fn finish(trusting: ConfigBuilder<ClientConfig, WantsClientCert>, any: bool) -> Self {
        Trust {
            config: trusting.with_no_client_auth(),
            any,
        }
    }
}

/// Names its cryptography, since the default panics in a program that happens to link two.
fn builder() -> ConfigBuilder<ClientConfig, WantsVerifier> {
    #[expect(
        clippy::expect_used,
        reason = "ring has suites for both versions; no input comes here"
    )]
    ClientConfig::builder_with_provider(Arc::new(rustls::crypto::ring::default_provider()))
        .with_safe_default_protocol_versions()
        .expect("ring supports TLS 1.2 and 1.3")
}
