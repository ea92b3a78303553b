//! The settings of the lower layers, from the configuration of the host.

use std::time::Duration;

use dormouse_config::Config;
use dormouse_journal::WhenBroken;
use dormouse_limits::DISK_RESERVE;
use dormouse_runtime::Settings;

use crate::machine::compiler::CompileLimits;

/// The number of slots in addition to the instances that may exist at once: a dropped instance leaves its slot a
/// little later than its permit, and a few guests take more of the pool than others.
const SPARE_SLOTS: u32 = 32;

/// Returns the settings of the runtime.
#[must_use]
pub fn runtime(config: &Config) -> Settings {
    Settings {
        public_url: config.public_url.clone(),
        limits: config.limits.clone(),
        providers: config.providers.clone(),
        secret_keys: config.secret_keys.clone(),
        when_broken: match config.blocks_broken {
            true => WhenBroken::Block,
            false => WhenBroken::Fail,
        },
        rebuild_after_step: false,
    }
}

/// The error for a given reserve that is larger than the disk allows.
#[derive(Debug, thiserror::Error)]
#[error(
    "{DISK_RESERVE} = {} cannot work: the disk of the data directory has {capacity} bytes in all, and a reserve may take \
     half of them, {}; give a smaller one, or a larger disk",
    DISK_RESERVE.written(*.reserve),
    .capacity / 2
)]
pub struct UnfitReserve {
    reserve: u64,
    capacity: u64,
}

/// Returns the options of the store, on a disk of this many bytes.
///
/// # Errors
/// When the reserve that was given is larger than the disk allows. A default that is too large is made smaller.
pub fn store(config: &Config, capacity: u64) -> Result<dormouse_store_redb::Options, UnfitReserve> {
    Ok(dormouse_store_redb::Options {
        cache: usize::try_from(config.limits.store_cache).unwrap_or(usize::MAX),
        reserve: reserve(config, capacity)?,
        verify: config.verify_store,
    })
}

/// The default may take one part in this many of the disk.
const DEFAULT_SHARE: u64 = 8;

fn reserve(config: &Config, capacity: u64) -> Result<u64, UnfitReserve> {
    let reserve = config.limits.disk_reserve;
    if config.is_given(DISK_RESERVE) {
        return if reserve > capacity / 2 {
            Err(UnfitReserve { reserve, capacity })
        } else {
            Ok(reserve)
        };
    }
    let most = capacity / DEFAULT_SHARE;
    if reserve > most {
        tracing::info!(
            reserve = most,
            default = reserve,
            capacity,
            "the disk of the data directory is small; the default of `{DISK_RESERVE}` is made smaller"
        );
    }
    Ok(reserve.min(most))
}

/// Returns the configuration of the engine.
#[must_use]
pub fn engine(config: &Config) -> dormouse_engine::Config {
    dormouse_engine::Config {
        slots: config.limits.instances + SPARE_SLOTS,
    }
}

/// Returns the settings of outbound calls.
#[must_use]
pub fn outbound(config: &Config) -> dormouse_outbound::Settings {
    dormouse_outbound::Settings {
        policy: config.egress.clone(),
        ..dormouse_outbound::Settings::default()
    }
}

/// Returns the limits for compiling one component.
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
    fn a_reserve_fits_the_disk_or_is_refused_if_it_was_given() {
        let given = |text: &str| {
            let raw = RawConfig::from_toml(text, "f".as_ref()).unwrap();
            Config::new(&raw, |_| None).unwrap()
        };
        let (large, small) = (1 << 40, 64 << 20);
        let default = defaults().limits.disk_reserve;
        assert_eq!(reserve(&defaults(), large).unwrap(), default);
        assert_eq!(reserve(&defaults(), small).unwrap(), small / 8);
        let config = given("disk-reserve = \"32MiB\"");
        assert_eq!(reserve(&config, small).unwrap(), 32 << 20);
        let said = reserve(&given("disk-reserve = \"40MiB\""), small).unwrap_err();
        let said = said.to_string();
        assert!(
            said.contains("40MiB") && said.contains("67108864 bytes"),
            "{said}"
        );
    }

    #[test]
    fn the_engine_has_room_for_the_instances() {
        let config = defaults();
        assert!(engine(&config).slots > config.limits.instances);
    }
}
