//! Tests the configuration that follows from given settings.

use std::path::Path;

use clap::{Args as _, Command, FromArgMatches as _};

use dormouse_limits::Unit;

use super::setting::{ALL, Kind};
use super::*;

fn flags(arguments: &[&str]) -> Flags {
    let command = Flags::augment_args(Command::new("serve")).no_binary_name(true);
    Flags::from_arg_matches(&command.try_get_matches_from(arguments).unwrap()).unwrap()
}

/// Returns the configuration for a command line and an environment.
fn config(arguments: &[&str], environment: &[(&str, &str)]) -> Result<Config, ConfigError> {
    let variable = |name: &str| {
        let found = environment.iter().find(|(known, _)| *known == name);
        found.map(|(_, value)| (*value).to_owned())
    };
    Config::new(
        &flags(arguments).with_environment_and_file(variable)?,
        variable,
    )
}

fn error(arguments: &[&str], environment: &[(&str, &str)]) -> String {
    config(arguments, environment).unwrap_err().to_string()
}

fn file(text: &str) -> tempfile::NamedTempFile {
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(file.path(), text).unwrap();
    file
}

fn path(file: &tempfile::NamedTempFile) -> &str {
    file.path().to_str().unwrap()
}

#[test]
fn without_settings_the_defaults_hold() {
    let config = config(&[], &[]).unwrap();
    assert_eq!(config.data_dir, Path::new("./dormouse-data"));
    assert_eq!(config.listen.to_string(), "127.0.0.1:4100");
    assert_eq!(config.public_url, "http://127.0.0.1:4100");
    assert_eq!(config.limits, dormouse_limits::Limits::default());
    assert_eq!(
        (config.log.as_str(), config.log_format),
        ("info", LogFormat::Text)
    );
    assert!(config.hooks_listen.is_none() && config.trusted_proxies.is_empty());
    assert!(
        config.token.is_none() && !config.egress.allow_private && config.egress.allow.is_empty()
    );
}

#[test]
fn the_command_line_goes_before_the_environment_and_that_before_the_file() {
    let file = file("inbox-limit = 1\nretention = \"1d\"\ncall-timeout = \"1s\"\n");
    let environment = [
        ("DORMOUSE_INBOX_LIMIT", "2"),
        ("DORMOUSE_RETENTION", "2d"),
        ("DORMOUSE_CONFIG", path(&file)),
    ];
    let config = config(&["--inbox-limit", "3"], &environment).unwrap();
    assert_eq!(config.limits.inbox, 3);
    assert_eq!(config.limits.retention, 2 * 86_400_000);
    assert_eq!(config.limits.call_timeout, 1_000);
}

#[test]
fn every_setting_is_taken_from_everywhere() {
    for setting in ALL.iter() {
        let value = match setting.kind {
            Kind::Path => "x",
            Kind::Address => "127.0.0.1:1",
            Kind::Url => "http://x.example",
            Kind::Switch => "true",
            Kind::List => "10.0.0.0/8",
            Kind::Word => "json",
            Kind::Filter => "debug",
            Kind::Limit(Unit::Size) => "1GiB",
            Kind::Limit(Unit::Span) => "1h",
            Kind::Limit(Unit::Count) => "7",
        };
        let flag = format!("--{}={value}", setting.name);
        let from_flag = flags(&[&flag]).with_environment_and_file(|_| None).unwrap();
        assert_eq!(from_flag.get(setting), Some((value, &Source::CommandLine)));

        let variable = setting.variable();
        let given = |name: &str| (name == variable).then(|| value.to_owned());
        let from_variable = RawConfig::from_environment(given);
        assert_eq!(
            from_variable.get(setting),
            Some((value, &Source::Environment(variable.clone())))
        );

        let text = format!("{} = {value:?}", setting.name);
        let from_file = RawConfig::from_toml(&text, Path::new("f")).unwrap();
        assert_eq!(
            from_file.get(setting),
            Some((value, &Source::File("f".into())))
        );
    }
}

#[test]
fn values_of_a_file_have_their_own_types() {
    let file = file(
        "allow-private-egress = true\nallow-egress = [\"10.0.0.0/8\", \"[::1]:80\"]\nbody-limit = 1024\n\
         log-format = \"json\"\n",
    );
    let config = config(&["--config", path(&file)], &[]).unwrap();
    assert!(config.egress.allow_private);
    assert_eq!(config.egress.allow.len(), 2);
    assert_eq!(config.log_format, LogFormat::Json);
    assert_eq!(config.limits.body, 1_024);
}

#[test]
fn switches_and_lists_on_the_command_line() {
    let config = config(
        &[
            "--allow-private-egress",
            "--allow-egress",
            "10.0.0.0/8",
            "--allow-egress",
            "10.1.2.3, a.example:443",
        ],
        &[],
    );
    let egress = config.unwrap().egress;
    assert!(egress.allow_private);
    assert_eq!(egress.allow.len(), 3);
}

#[test]
fn an_invalid_setting_is_named_with_its_value_its_source_and_a_valid_form() {
    let table = [
        ("--listen", "here", "give an address and a port"),
        (
            "--public-url",
            "ftp://x.example",
            "must begin with http:// or https://",
        ),
        ("--allow-private-egress=yes", "yes", "give true or false"),
        ("--allow-egress", "10.0.0.0/99", "write a network"),
        ("--log-format", "xml", "give text or json"),
        ("--log", "dormouse=loud", "give a level such as info"),
        ("--data-dir", "", "it is empty"),
        ("--body-limit", "16 potatoes", "give a size, such as"),
        ("--body-limit", "0", "give 1 bytes or more"),
        ("--cpu-limit", "soon", "give a span of time, such as"),
        ("--cpu-limit", "0s", "give 1ms or more"),
        ("--hooks-listen", "4101", "give an address and a port"),
        ("--trusted-proxies", "10.0.0.0/33", "write a network"),
        ("--webhook-rate-limit", "4294967296", "from 0 to 4294967295"),
        ("--connections-limit", "0", "from 1 to 1048576"),
        ("--instances", "0", "give a whole number from 1 to 65536"),
        (
            "--inbox-limit",
            "4294967296",
            "give a whole number from 1 to 4294967295",
        ),
        (
            "--compile-memory-limit",
            "1MiB",
            "give 268435456 bytes or more",
        ),
    ];
    for (flag, value, reason) in table {
        let arguments = if flag.contains('=') {
            vec![flag]
        } else {
            vec![flag, value]
        };
        let error = error(&arguments, &[]);
        let name = flag.trim_start_matches("--").split('=').next().unwrap();
        let begin = format!("{name} = {value:?}, from the command line, is not valid: ");
        assert!(
            error.starts_with(&begin) && error.contains(reason),
            "{error}"
        );
    }
}

#[test]
fn the_source_of_a_bad_value_is_named() {
    let from_environment = error(&[], &[("DORMOUSE_RETENTION", "long")]);
    assert!(
        from_environment.contains("from the environment variable DORMOUSE_RETENTION"),
        "{from_environment}"
    );
    let file = file("retention = \"long\"");
    let from_file = error(&["--config", path(&file)], &[]);
    assert!(
        from_file.contains(&format!("from the file {}", path(&file))),
        "{from_file}"
    );
}

#[test]
fn a_file_that_is_not_one_of_settings_is_refused() {
    let check = |text: &str, reason: &str| {
        let file = file(text);
        let error = error(&["--config", path(&file)], &[]);
        assert!(
            error.contains(path(&file)) && error.contains(reason),
            "{error}"
        );
    };
    check(
        "inbox-limits = 1",
        "\"inbox-limits\", which is not a setting",
    );
    check(
        "api-token = \"secret\"",
        "\"api-token\", which is not a setting",
    );
    check("inbox-limit = 1.5", "\"inbox-limit\" a fraction");
    check("[inbox-limit]\nx = 1", "\"inbox-limit\" a table");
    check("inbox-limit 1", "is not TOML");
    assert!(error(&["--config", "/no/such/file"], &[]).contains("/no/such/file"));
}

#[test]
fn a_listener_that_others_reach_wants_a_token() {
    for listen in [
        "0.0.0.0:4100",
        "[::]:4100",
        "10.0.0.1:4100",
        "[::ffff:10.0.0.1]:4100",
    ] {
        let error = error(&["--listen", listen], &[]);
        assert!(
            error.contains(listen) && error.contains("--api-token-file"),
            "{error}"
        );
        assert!(config(&["--listen", listen], &[("DORMOUSE_API_TOKEN", "secret")]).is_ok());
    }
    for listen in [
        "127.0.0.1:4100",
        "127.9.9.9:4100",
        "[::1]:4100",
        "[::ffff:127.0.0.1]:4100",
    ] {
        assert!(config(&["--listen", listen], &[]).is_ok(), "{listen}");
    }
}

#[test]
fn a_listener_for_webhooks_alone_wants_none() {
    let arguments = ["--hooks-listen", "0.0.0.0:4101"];
    let config = config(&arguments, &[]).unwrap();
    assert_eq!(config.hooks_listen.unwrap().port(), 4101);
    assert_eq!(config.public_url, "http://localhost:4101");
}

#[test]
fn a_rate_of_0_is_not_limited() {
    let arguments = ["--webhook-rate-limit", "0", "--host-rate-limit", "0"];
    let limits = config(&arguments, &[]).unwrap().limits;
    assert_eq!((limits.webhook_rate, limits.host_rate), (0, 0));
}

#[test]
fn a_token_comes_from_the_nearest_place() {
    let token_file = file("from-a-file\n");
    let check = |arguments: &[&str], environment: &[(&str, &str)], expected: &str| {
        let token = config(arguments, environment).unwrap().token.unwrap();
        assert!(
            token.is(expected.as_bytes()),
            "{arguments:?} {environment:?}"
        );
    };
    let on_the_command_line = ["--api-token-file", path(&token_file)];
    let elsewhere = ("DORMOUSE_API_TOKEN_FILE", path(&token_file));
    check(&on_the_command_line, &[], "from-a-file");
    check(
        &on_the_command_line,
        &[("DORMOUSE_API_TOKEN", "from-a-variable")],
        "from-a-file",
    );
    check(
        &[],
        &[elsewhere, ("DORMOUSE_API_TOKEN", "from-a-variable")],
        "from-a-variable",
    );
    check(&[], &[elsewhere], "from-a-file");
    let empty = file("\n");
    assert!(error(&["--api-token-file", path(&empty)], &[]).contains("is empty"));
    assert!(error(&["--api-token-file", "/no/such/file"], &[]).contains("/no/such/file"));
}

#[test]
fn files_that_others_may_read_are_refused_or_warned_of() {
    use std::os::unix::fs::PermissionsExt as _;
    let key = "01".repeat(32);
    for (flag, text) in [("--api-token-file", "token"), ("--secret-key-file", &key)] {
        let file = file(text);
        let permissions = std::fs::Permissions::from_mode(0o644);
        std::fs::set_permissions(file.path(), permissions).unwrap();
        let arguments = [flag, path(&file)];
        let said = error(&arguments, &[]);
        assert!(
            said.contains("permissions") && said.contains(&format!("chmod 600 {}", path(&file))),
            "{said}"
        );
        let allowed = config(&[flag, path(&file), "--allow-open-files"], &[]).unwrap();
        assert_eq!(allowed.open_files.len(), 1);
        assert_eq!(allowed.open_files[0].to_string(), said);
    }
}

#[test]
fn the_keys_of_secrets_come_from_the_nearest_place() {
    let (ones, twos) = ("01".repeat(32), "02".repeat(32));
    let key_file = file(&format!("# for a test\n{ones}\n"));
    let shown = |arguments: &[&str], environment: &[(&str, &str)]| {
        let keys = config(arguments, environment).unwrap().secret_keys;
        format!("{:?}", keys.unwrap())
    };
    let of = |text: &str| format!("{:?}", dormouse_secret::SecretKeys::parse(text).unwrap());
    let on_the_command_line = ["--secret-key-file", path(&key_file)];
    let elsewhere = ("DORMOUSE_SECRET_KEY_FILE", path(&key_file));
    let variable = ("DORMOUSE_SECRET_KEY", twos.as_str());
    assert_eq!(shown(&on_the_command_line, &[variable]), of(&ones));
    assert_eq!(shown(&[], &[elsewhere, variable]), of(&twos));
    assert_eq!(shown(&[], &[elsewhere]), of(&ones));
    assert!(config(&[], &[]).unwrap().secret_keys.is_none());
}

#[test]
fn an_invalid_secret_key_is_refused_and_not_shown() {
    let variable = [("DORMOUSE_SECRET_KEY", "hunter2hunter2")];
    let from_environment = error(&[], &variable);
    assert!(
        from_environment.contains("the environment variable DORMOUSE_SECRET_KEY")
            && from_environment.contains("line 1")
            && !from_environment.contains("hunter2"),
        "{from_environment}"
    );
    let empty = file("# no key\n");
    let from_file = error(&["--secret-key-file", path(&empty)], &[]);
    assert!(
        from_file.contains(path(&empty)) && from_file.contains("openssl rand -base64 32"),
        "{from_file}"
    );
    assert!(error(&["--secret-key-file", "/no/such/file"], &[]).contains("/no/such/file"));
}

#[test]
fn the_public_url_follows_the_listener_unless_it_was_given() {
    let free = "127.0.0.1:0";
    let bound = "127.0.0.1:50000".parse().unwrap();
    let hooks = "127.0.0.1:50001".parse().unwrap();
    let bind = |arguments: &[&str], hooks| config(arguments, &[]).unwrap().bound(bound, hooks);
    let config = |arguments: &[&str]| bind(arguments, None);
    assert_eq!(
        config(&["--listen", free]).public_url,
        "http://127.0.0.1:50000"
    );
    let for_webhooks = ["--listen", free, "--hooks-listen", free];
    assert_eq!(
        bind(&for_webhooks, Some(hooks)).public_url,
        "http://127.0.0.1:50001"
    );
    let given = ["--listen", free, "--public-url", "https://hooks.example/x/"];
    assert_eq!(config(&given).public_url, "https://hooks.example/x");
}

#[test]
fn masked_headers_are_named_as_headers_are() {
    let masked = config(&["--mask-headers", "X-Api-Key, x-other"], &[]).unwrap();
    assert_eq!(masked.mask_headers, ["x-api-key", "x-other"]);
    assert!(config(&[], &[]).unwrap().mask_headers.is_empty());
    let error = error(&["--mask-headers", "X Api Key"], &[]);
    assert!(error.contains("mask-headers"), "{error}");
}

#[test]
fn the_book_has_the_settings_as_they_are() {
    let page = include_str!("../../../docs/reference/settings.md");
    let rows: String = ALL
        .iter()
        .filter(|setting| !matches!(setting.kind, Kind::Limit(_)))
        .map(|setting| {
            let default = setting.default.as_deref().unwrap_or("none");
            format!("| `--{}` | {default} | {} |\n", setting.name, setting.help)
        })
        .collect();
    let table = format!("| setting | default | what it is |\n|---|---|---|\n{rows}\n");
    assert!(
        page.contains(&table),
        "docs/reference/settings.md needs this table:\n{table}"
    );
}

#[test]
fn the_book_has_the_limits_as_they_are() {
    let page = include_str!("../../../docs/reference/limits.md");
    let rows: String = dormouse_limits::ALL
        .iter()
        .map(|limit| {
            let default = limit.written(limit.default);
            format!("| `--{limit}` | {default} | {} |\n", limit.help)
        })
        .collect();
    let table = format!("| setting | default | what it bounds |\n|---|---|---|\n{rows}\n");
    assert!(
        page.contains(&table),
        "docs/reference/limits.md needs this table:\n{table}"
    );
}
