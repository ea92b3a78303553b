//! The certificate authorities that TLS trusts.

use std::sync::Arc;

use hyper_rustls::ConfigBuilderExt as _;
use rustls::client::WantsClientCert;
use rustls::{ClientConfig, ConfigBuilder, RootCertStore, WantsVerifier};

/// A TLS configuration, and whether it trusts any certificate authority.
#[derive(Clone)]
pub(crate) struct Trust {
    pub(crate) config: ClientConfig,
    /// False if the system has no root certificates. The host starts all the same, since workflows that call no `https`
    /// URL need none.
    pub(crate) any: bool,
}

impl Trust {
    /// Returns a configuration that trusts the system's certificate authorities.
    pub(crate) fn system() -> Self {
        match builder().with_native_roots() {
            Ok(trusting) => Self::finish(trusting, true),
            Err(error) => {
                tracing::warn!(%error, "this machine has no root certificates, so calls to https URLs will fail; install its package of root certificates, such as ca-certificates");
                Self::in_roots(RootCertStore::empty())
            }
        }
    }

    /// Returns a configuration that trusts these certificate authorities and no others.
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

/// Returns a builder for the configuration. The cryptography provider is set explicitly, since rustls panics without one in
/// a program that links two providers.
fn builder() -> ConfigBuilder<ClientConfig, WantsVerifier> {
    #[expect(
        clippy::expect_used,
        reason = "ring has suites for both versions; no input comes here"
    )]
    ClientConfig::builder_with_provider(Arc::new(rustls::crypto::ring::default_provider()))
        .with_safe_default_protocol_versions()
        .expect("ring supports TLS 1.2 and 1.3")
}
