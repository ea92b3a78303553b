//! What the layers below are set to, by the configuration of the host.

use std::time::Duration;

use dormouse_config::Config;
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
        limits: config.limits.clone(),
        secret_keys: config.secret_keys.clone(),
        rebuild_after_step: false,
    }
}

/// How the store is kept.
#[must_use]
pub fn store(config: &Config) -> dormouse_store_redb::Options {
    dormouse_store_redb::Options {
        cache: usize::try_from(config.limits.store_cache).unwrap_or(usize::MAX),
        reserve: config.limits.disk_reserve,
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

#[cfg(test)]
mod tests {
    use dormouse_config::RawConfig;

    use super::*;

    fn defaults() -> Config {
        Config::new(&RawConfig::default(), |_| None).unwrap()
    }

    #[test]
    fn the_engine_has_room_for_the_instances() {
        let config = defaults();
        assert!(engine(&config).slots > config.limits.instances);
    }
}
