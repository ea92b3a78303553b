//! Settings of the host. Checks that no file, environment or command line makes reading them panic, that the command line
//! takes precedence over the environment and the environment over the file, that no error shows a token or a key, and that an
//! accepted value is within its limits and the same after it was written out and read again.

#![no_main]

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::path::Path;

use arbitrary::Arbitrary;
use clap::{Args as _, Command, FromArgMatches as _};
use dormouse_config::setting::{ALL, API_TOKEN_FILE, Kind, SECRET_KEY_FILE, Setting};
use dormouse_config::{Config, ConfigError, Flags, RawConfig, Source};
use dormouse_limits::Unit;
use libfuzzer_sys::fuzz_target;
use url::Url;

#[derive(Debug, Arbitrary)]
struct Input<'a> {
    given: Vec<Given<'a>>,
    file: Option<&'a str>,
    token: Option<&'a str>,
    keys: Option<&'a str>,
}

#[derive(Debug, Arbitrary)]
struct Given<'a> {
    setting: u8,
    by: By,
    value: Value<'a>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Arbitrary)]
enum By {
    CommandLine,
    Environment,
    File,
}

/// The text that a setting gets.
#[derive(Debug, Arbitrary)]
enum Value<'a> {
    Text(&'a str),
    /// A valid value of the setting's kind, or almost one, with further text after it.
    OfItsKind {
        which: u8,
        aside: i8,
        unit: u8,
        behind: &'a str,
    },
}

/// The limits of settings, and the limits of types of numbers.
const BOUNDS: [u64; 10] = [
    0,
    1_000,
    1 << 16,
    1 << 20,
    256 << 20,
    u32::MAX as u64,
    u64::MAX / 86_400_000,
    u64::MAX >> 40,
    i64::MAX as u64,
    u64::MAX,
];

/// The values, each with the place of its setting in the table.
type Values = BTreeMap<usize, String>;

fuzz_target!(|input: Input<'_>| {
    let by = |by: By| -> Values {
        let given = input.given.iter().filter(|given| given.by == by);
        given
            .map(|given| {
                let place = usize::from(given.setting) % ALL.len();
                (place, text(&ALL[place], &given.value))
            })
            .collect()
    };
    let (arguments, environment, file) = (by(By::CommandLine), by(By::Environment), by(By::File));
    let variables = variables(&environment, &input);
    let variable = |name: &str| variables.get(name).cloned();

    let text = input.file.map_or_else(|| toml(&file), str::to_owned);
    let Ok(from_file) = RawConfig::from_toml(&text, Path::new("f")) else {
        assert!(input.file.is_some(), "a file of settings was refused");
        return;
    };
    let raw = flags(&arguments)
        .with_environment_and_file(variable)
        .expect("no file is named")
        .or(from_file);
    for (place, setting) in ALL.iter().enumerate() {
        check_nearest(&raw, setting, place, &arguments, &environment);
    }
    // A fuzzer that reads any file of the machine finds nothing but `/dev/zero`.
    if raw.get(&API_TOKEN_FILE).is_some() || raw.get(&SECRET_KEY_FILE).is_some() {
        return;
    }
    match Config::new(&raw, variable) {
        Ok(config) => check(&config),
        Err(error) => check_error(&error, &input),
    }
});

fn text(setting: &Setting, value: &Value<'_>) -> String {
    match value {
        Value::Text(text) => (*text).to_owned(),
        Value::OfItsKind {
            which,
            aside,
            unit,
            behind,
        } => {
            let bound = BOUNDS[usize::from(*which) % BOUNDS.len()];
            let number = bound.saturating_add_signed((*aside).into());
            let start = match setting.kind {
                Kind::Limit(Unit::Size) => {
                    format!("{number}{}", one_of(*unit, &["", "B", "KiB", " MiB", "TB"]))
                }
                Kind::Limit(Unit::Span) => {
                    format!("{number}{}", one_of(*unit, &["ms", "s", " m", "h", "d"]))
                }
                Kind::Limit(Unit::Count) => number.to_string(),
                kind => one_of(*which, examples(kind)).to_owned(),
            };
            start + behind
        }
    }
}

fn examples(kind: Kind) -> &'static [&'static str] {
    match kind {
        Kind::Path => &["", "./d", "/"],
        Kind::Address => &[
            "127.0.0.1:4100",
            "[::1]:0",
            "[::ffff:127.0.0.1]:1",
            "0.0.0.0:80",
        ],
        Kind::Url => &[
            "https://hooks.example",
            "HTTP://h.example:8080/a//",
            "http://[::1]:4100",
        ],
        Kind::Switch => &["true", "false"],
        Kind::List => &[
            "10.0.0.0/8",
            "127.0.0.1,",
            "[::1]:80",
            "x.example:443",
            "x-api-key",
        ],
        Kind::Word => &["text", "json"],
        Kind::Filter => &["info", "warn,a=debug", "a[b{c=1}]=trace"],
        Kind::Limit(_) => &["1"],
    }
}

fn one_of<'a>(which: u8, all: &[&'a str]) -> &'a str {
    all[usize::from(which) % all.len()]
}

fn variables(environment: &Values, input: &Input<'_>) -> BTreeMap<String, String> {
    let named = environment
        .iter()
        .map(|(place, value)| (ALL[*place].variable(), value.clone()));
    let confidential = [
        ("DORMOUSE_API_TOKEN", input.token),
        ("DORMOUSE_SECRET_KEY", input.keys),
    ];
    let confidential = confidential
        .into_iter()
        .filter_map(|(name, value)| Some((name.to_owned(), value?.to_owned())));
    named.chain(confidential).collect()
}

fn toml(values: &Values) -> String {
    let entries = values.iter();
    let entries = entries.map(|(place, value)| {
        (
            ALL[*place].name.to_owned(),
            toml::Value::from(value.as_str()),
        )
    });
    entries.collect::<toml::Table>().to_string()
}

thread_local! {
    /// The command, which is made only once because that takes longer than using it.
    static COMMAND: RefCell<Command> =
        RefCell::new(Flags::augment_args(Command::new("serve")).no_binary_name(true));
}

fn flags(arguments: &Values) -> Flags {
    if arguments.is_empty() {
        return Flags::default();
    }
    let arguments = arguments.iter();
    let arguments = arguments.map(|(place, value)| format!("--{}={value}", ALL[*place].name));
    let matches = COMMAND
        .with_borrow_mut(|command| command.try_get_matches_from_mut(arguments))
        .expect("a flag takes any text");
    Flags::from_arg_matches(&matches).expect("flags hold text")
}

fn check_nearest(
    raw: &RawConfig,
    setting: &Setting,
    place: usize,
    arguments: &Values,
    environment: &Values,
) {
    match (
        raw.get(setting),
        arguments.get(&place),
        environment.get(&place),
    ) {
        (Some((text, source)), Some(argument), _) => {
            assert_eq!((text, source), (argument.as_str(), &Source::CommandLine));
        }
        (Some((text, source)), None, Some(value)) => {
            assert_eq!(text, value);
            assert_eq!(source, &Source::Environment(setting.variable()));
        }
        (Some((_, source)), None, None) => assert_eq!(source, &Source::File("f".into())),
        (None, None, None) => {}
        other => panic!("{} was lost: {other:?}", setting.name),
    }
}

fn check(config: &Config) {
    assert!(config.token.is_some() || config.listen.ip().to_canonical().is_loopback());
    assert!(!config.data_dir.as_os_str().is_empty());
    for (limit, value) in config.limits.values() {
        assert!(limit.bounds.contains(&value), "{limit} = {value}");
    }

    let url = &config.public_url;
    assert!(url.starts_with("http://") || url.starts_with("https://"));
    assert!(!url.ends_with('/') && !url.contains(['?', '#']), "{url}");

    let again = written_out(config);
    // That of a listener is spelled as the listener is (`http://127.0.0.1:80`).
    assert_eq!(Url::parse(&again.public_url), Url::parse(url));
    assert_eq!(again.limits, config.limits);
    assert_eq!(again.egress, config.egress);
    assert_eq!(again.mask_headers, config.mask_headers);
}

/// Returns the configuration after each of its values was written in its usual spelling and read again.
fn written_out(config: &Config) -> Config {
    let limits = config.limits.values();
    let mut values: BTreeMap<&str, String> = limits
        .map(|(limit, value)| (limit.name, limit.written(value)))
        .collect();
    let allowed = config.egress.allow.iter().map(ToString::to_string);
    let masked = config.mask_headers.iter().map(ToString::to_string);
    values.extend([
        ("public-url", config.public_url.clone()),
        ("allow-egress", allowed.collect::<Vec<_>>().join(",")),
        (
            "allow-private-egress",
            config.egress.allow_private.to_string(),
        ),
        ("mask-headers", masked.collect::<Vec<_>>().join(",")),
    ]);
    let values = values.into_iter();
    let variables: BTreeMap<String, String> = values
        .map(|(name, value)| (find(name).variable(), value))
        .collect();
    let raw = RawConfig::from_environment(|name| variables.get(name).cloned());
    Config::new(&raw, |_| None).expect("each value was accepted before")
}

fn find(name: &str) -> &'static Setting {
    let setting = ALL.iter().find(|setting| setting.name == name);
    setting.expect("it is in the table")
}

/// Checks that an error does not show a token or a key.
fn check_error(error: &ConfigError, input: &Input<'_>) {
    let confidential = match error {
        ConfigError::Token { .. } => input.token,
        ConfigError::SecretKeys { .. } => input.keys,
        _ => None,
    };
    // What is shorter stands in many a text. The names of the variables are told, and may be given as a value too.
    if let Some(confidential) = confidential.filter(|text| text.len() >= 16) {
        let text = error.to_string().replace("DORMOUSE_SECRET_KEY", "");
        assert!(!text.contains(confidential), "{error}");
    }
}
