//! Decides whether a connection may be made, by the policy and by the host's own listeners.

use std::net::{IpAddr, SocketAddr};

use crate::address::Class;
use crate::listeners::Listeners;
use crate::policy::Policy;

/// The rules that say which connections may be made.
#[derive(Debug, Clone)]
pub(crate) struct Egress {
    pub(crate) policy: Policy,
    /// The host's own listeners, which no connection may reach, whatever the policy says.
    pub(crate) forbidden: Listeners,
}

/// Why a connection is refused. The author of the workflow reads the text, so the text names the host that was called,
/// the address that was refused, and the setting that would allow the connection.
#[derive(Debug, thiserror::Error)]
pub(crate) enum EgressDenied {
    #[error(
        "{target} is {class}, which calls may not reach; whoever operates the host can allow it with --allow-egress \
         {host}:{port}, or all such addresses with --allow-private-egress"
    )]
    NotPublic {
        target: String,
        host: String,
        port: u16,
        class: Class,
    },
    #[error(
        "{target} at port {port} is this host's own listener; calls may reach only its /hooks/ URLs"
    )]
    OwnListener { target: String, port: u16 },
}

impl Egress {
    /// Checks that a call to `host`, which is written as in the call's URL, may connect to `address`.
    pub(crate) fn check(&self, host: &str, address: SocketAddr) -> Result<(), EgressDenied> {
        let port = address.port();
        if self.forbidden.include(address) {
            return Err(EgressDenied::OwnListener {
                target: target(host, address.ip()),
                port,
            });
        }
        self.policy
            .check(host, address)
            .map_err(|class| EgressDenied::NotPublic {
                target: target(host, address.ip()),
                host: host.to_owned(),
                port,
                class,
            })
    }
}

/// Returns how a message names the target: `10.1.2.3`, or `internal.example (10.1.2.3)` if the URL has a name.
fn target(host: &str, address: IpAddr) -> String {
    let shown = address.to_string();
    if host.trim_matches(['[', ']']) == shown {
        shown
    } else {
        format!("{host} ({shown})")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refusal(host: &str, address: &str) -> String {
        let egress = Egress {
            policy: Policy::default(),
            forbidden: Listeners::new(vec!["127.0.0.1:7000".parse().unwrap()]),
        };
        egress
            .check(host, address.parse().unwrap())
            .unwrap_err()
            .to_string()
    }

    #[test]
    fn a_refusal_names_the_host_the_reason_and_the_settings() {
        assert_eq!(
            refusal("internal.example", "10.1.2.3:443"),
            "internal.example (10.1.2.3) is a private address, which calls may not reach; whoever operates the host \
             can allow it with --allow-egress internal.example:443, or all such addresses with --allow-private-egress"
        );
        assert_eq!(
            refusal("[::1]", "[::1]:80"),
            "::1 is a loopback address, which calls may not reach; whoever operates the host can allow it with \
             --allow-egress [::1]:80, or all such addresses with --allow-private-egress"
        );
    }

    #[test]
    fn no_setting_is_named_for_the_hosts_own_listener() {
        assert_eq!(
            refusal("localhost", "127.0.0.1:7000"),
            "localhost (127.0.0.1) at port 7000 is this host's own listener; calls may reach only its /hooks/ URLs"
        );
    }
}
