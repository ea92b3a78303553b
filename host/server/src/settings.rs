//! What the layers below are set to, by the configuration of the host.

use std::sync::Arc;
use std::time::Duration;

use dormouse_config::{Config, Limits};
use dormouse_engine::Allowance;
use dormouse_journal::GuestLimits;
use dormouse_runtime::Settings;

use crate::machine::compiler::CompileLimits;

/// Slots beyond the instances that may exist at once: one that is dropped leaves its slot a little later than its
/// permit, and a few guests take more of the pool than others.
const SPARE_SLOTS: u32 = 32;

/// What the runtime is set to.
#[must_use]
pub fn runtime(config: &Config) -> Settings {
    Settings {
        public_url: config.public_url.clone(),
        limits: limits(&config.limits),
        retention: config.retention,
        duplicate_window: config.duplicate_window,
        secret_keys: config.secret_keys.clone(),
        rebuild_after_step: false,
    }
}

/// How the store is kept.
#[must_use]
pub fn store(config: &Config) -> dormouse_store_redb::Options {
    dormouse_store_redb::Options {
        cache: config.store_cache,
        reserve: config.disk_reserve,
        verify: config.verify_store,
    }
}

/// What the engine is set to.
#[must_use]
pub fn engine(config: &Config) -> dormouse_engine::Config {
    dormouse_engine::Config {
        slots: config.limits.instances + SPARE_SLOTS,
    }
}

/// How calls are made.
#[must_use]
pub fn outbound(config: &Config) -> dormouse_outbound::Settings {
    dormouse_outbound::Settings {
        policy: config.egress.clone(),
        max_response_bytes: config.limits.body,
        ..dormouse_outbound::Settings::default()
    }
}

/// What compiling one component may take.
#[must_use]
pub fn compiler(config: &Config) -> CompileLimits {
    CompileLimits {
        time: Duration::from_millis(config.limits.compile_time),
        memory: config.limits.compile_memory,
    }
}

fn limits(limits: &Limits) -> dormouse_runtime::Limits {
    dormouse_runtime::Limits {
        component: limits.component,
        body: limits.body,
        inbox: limits.inbox,
        inbox_bytes: limits.inbox_bytes,
        host_inbox_bytes: limits.host_inbox_bytes,
        webhook_rate: limits.webhook_rate,
        host_rate: limits.host_rate,
        reply_wait: limits.reply_wait,
        held_replies: limits.held_replies,
        signature_tolerance: limits.signature_tolerance,
        journal: limits.journal,
        guest: GuestLimits {
            memory: limits.memory,
            stack: dormouse_engine::WASM_STACK as u64,
        },
        allowance: Arc::new(Allowance {
            cpu: Duration::from_millis(limits.cpu),
            operations: limits.operations,
            outstanding: limits.outstanding,
            webhooks: limits.webhooks,
            step_name: limits.step_name,
            value: usize::try_from(limits.body).unwrap_or(usize::MAX),
            log: limits.log,
        }),
        instances: limits.instances,
        warm_memory: limits.warm_memory,
        calls_in_flight: limits.calls_in_flight,
        call_timeout: limits.call_timeout,
    }
}

#[cfg(test)]
mod tests {
    use dormouse_config::{RawConfig, setting};
    use dormouse_engine::Setting as EngineSetting;

    use super::*;

    fn defaults() -> Config {
        Config::new(&RawConfig::default(), |_| None).unwrap()
    }

    #[test]
    fn the_defaults_are_those_of_the_runtime() {
        let ours = runtime(&defaults());
        let theirs = Settings {
            public_url: ours.public_url.clone(),
            ..Settings::default()
        };
        assert_eq!(format!("{ours:?}"), format!("{theirs:?}"));
    }

    #[test]
    fn the_engine_has_room_for_the_instances() {
        let config = defaults();
        assert!(engine(&config).slots > runtime(&config).limits.instances);
    }

    #[test]
    fn the_limit_of_bodies_is_that_of_values_and_responses_too() {
        let mut config = defaults();
        config.limits.body = 1_024;
        let limits = runtime(&config).limits;
        assert_eq!((limits.body, limits.allowance.value), (1_024, 1_024));
        assert_eq!(outbound(&config).max_response_bytes, 1_024);
    }

    #[test]
    fn the_layers_below_name_limits_as_they_are_set() {
        for engine in [
            EngineSetting::Cpu,
            EngineSetting::Memory,
            EngineSetting::Operations,
            EngineSetting::Outstanding,
            EngineSetting::Webhooks,
            EngineSetting::StepName,
            EngineSetting::Value,
            EngineSetting::Log,
        ] {
            assert!(
                setting::ALL.iter().any(|known| known.name == engine.name()),
                "there is no setting {engine}"
            );
        }
        let too_large = dormouse_runtime::DeployError::TooLarge { size: 2, limit: 1 }.to_string();
        assert!(
            too_large.ends_with(&format!("`{}`", setting::COMPONENT_LIMIT.name)),
            "{too_large}"
        );
    }
}
