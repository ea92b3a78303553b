//! The judgement on one connection: the policy and the host's own listeners together, and the text of a refusal.

use std::net::{IpAddr, SocketAddr};

use crate::address::Class;
use crate::listeners::Listeners;
use crate::policy::Policy;

/// What connections of one kind are judged by.
#[derive(Debug, Clone)]
pub(crate) struct Egress {
    pub(crate) policy: Policy,
    /// Where no connection may go, whatever the policy says.
    pub(crate) forbidden: Listeners,
}

/// Why a connection is not made. The text goes to the workflow's author, so it names what was asked for, the one
/// address that was refused, and the setting.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Refusal {
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
    /// Whether a call to `host`, as its URL has it, may connect to `address`.
    pub(crate) fn judge(&self, host: &str, address: SocketAddr) -> Result<(), Refusal> {
        let port = address.port();
        if self.forbidden.include(address) {
            return Err(Refusal::OwnListener {
                target: target(host, address.ip()),
                port,
            });
        }
        self.policy
            .judge(host, address)
            .map_err(|class| Refusal::NotPublic {
                target: target(host, address.ip()),
                host: host.to_owned(),
                port,
                class,
            })
    }
}

/// `10.1.2.3`, or `internal.example (10.1.2.3)` when the URL has a name.
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
            .judge(host, address.parse().unwrap())
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
    fn for_an_own_listener_there_is_no_setting() {
        assert_eq!(
            refusal("localhost", "127.0.0.1:7000"),
            "localhost (127.0.0.1) at port 7000 is this host's own listener; calls may reach only its /hooks/ URLs"
        );
    }
}
