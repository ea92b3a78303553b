//! Which proxies are trusted, and which headers of theirs.

use http::{HeaderName, HeaderValue};

use super::*;

/// The proxies of these tests.
const TRUSTED: [&str; 3] = ["10.0.0.0/8", "127.0.0.1", "fd00::/8"];

/// A header line for each of these, sent by this peer; then the client's address and what its URL began with.
#[track_caller]
fn check(peer: &str, lines: &[(&str, &str)], address: &str, scheme_and_host: Option<&str>) {
    let trusted = TrustedProxies::new(TRUSTED.map(|text| text.parse().unwrap()).to_vec());
    let mut headers = HeaderMap::new();
    for (name, value) in lines {
        let name: HeaderName = name.parse().unwrap();
        headers.append(name, HeaderValue::from_bytes(value.as_bytes()).unwrap());
    }
    let expected = Caller {
        address: address.parse().unwrap(),
        scheme_and_host: scheme_and_host.map(str::to_owned),
    };
    let found = caller(peer.parse().unwrap(), &headers, &trusted);
    assert_eq!(found, expected, "{peer} with {lines:?}");
}

/// Lines of `Forwarded` from a trusted proxy, and the address that comes of them.
#[track_caller]
fn forwarded_for(lines: &[&str], address: &str) {
    let lines: Vec<(&str, &str)> = lines.iter().map(|line| ("forwarded", *line)).collect();
    check("10.0.0.1:5000", &lines, address, None);
}

/// Checks the address that `X-Forwarded-For` gives.
#[track_caller]
fn x_forwarded_for(lines: &[&str], address: &str) {
    let lines: Vec<(&str, &str)> = lines
        .iter()
        .map(|line| ("x-forwarded-for", *line))
        .collect();
    check("10.0.0.1:5000", &lines, address, None);
}

#[test]
fn headers_of_an_untrusted_proxy_are_ignored() {
    let lines = [
        ("forwarded", "for=8.8.8.8;proto=https;host=evil.example"),
        ("x-forwarded-for", "8.8.8.8"),
        ("x-forwarded-proto", "https"),
        ("x-forwarded-host", "evil.example"),
    ];
    for peer in ["192.0.2.1:5000", "127.0.0.2:5000", "[2001:db8::1]:5000"] {
        let address = peer.parse::<SocketAddr>().unwrap().ip().to_string();
        check(peer, &lines, &address, None);
    }
}

#[test]
fn without_headers_the_peer_is_the_client() {
    check("192.0.2.1:5000", &[], "192.0.2.1", None);
    check("10.0.0.1:5000", &[], "10.0.0.1", None);
    check("[::ffff:192.0.2.1]:5000", &[], "192.0.2.1", None);
}

#[test]
fn a_trusted_proxy_says_who_its_client_is() {
    for peer in ["10.0.0.1:5000", "[::ffff:10.0.0.1]:5000", "[fd00::1]:5000"] {
        let lines = [("forwarded", "for=192.0.2.1;proto=https;host=hooks.example")];
        check(peer, &lines, "192.0.2.1", Some("https://hooks.example"));
        let lines = [
            ("x-forwarded-for", "192.0.2.1"),
            ("x-forwarded-proto", "https"),
            ("x-forwarded-host", "hooks.example"),
        ];
        check(peer, &lines, "192.0.2.1", Some("https://hooks.example"));
    }
}

#[test]
fn the_client_is_the_nearest_address_that_is_not_a_trusted_proxy() {
    forwarded_for(&["for=8.8.8.8, for=192.0.2.1"], "192.0.2.1");
    forwarded_for(&["for=8.8.8.8, for=192.0.2.1, for=10.0.0.2"], "192.0.2.1");
    forwarded_for(&["for=8.8.8.8, for=192.0.2.1", "for=10.0.0.2"], "192.0.2.1");
    forwarded_for(&["for=10.0.0.3, for=10.0.0.2"], "10.0.0.3");
    x_forwarded_for(&["8.8.8.8, 192.0.2.1"], "192.0.2.1");
    x_forwarded_for(&["8.8.8.8,192.0.2.1 , 10.0.0.2"], "192.0.2.1");
    x_forwarded_for(&["8.8.8.8, 192.0.2.1", "10.0.0.2"], "192.0.2.1");
    x_forwarded_for(&["10.0.0.3, 10.0.0.2"], "10.0.0.3");
}

#[test]
fn no_caller_is_known_beyond_a_hidden_or_malformed_element() {
    for hidden in [
        "unknown",
        "_hidden",
        "",
        "999.0.0.1",
        "client.example",
        "10.0.0.1:x",
    ] {
        x_forwarded_for(&[&format!("8.8.8.8, {hidden}, 10.0.0.2")], "10.0.0.2");
        x_forwarded_for(&[&format!("8.8.8.8, {hidden}")], "10.0.0.1");
        let quoted = format!("for=8.8.8.8, for=\"{hidden}\", for=10.0.0.2");
        forwarded_for(&[&quoted], "10.0.0.2");
    }
    forwarded_for(&["for=8.8.8.8, proto=https"], "10.0.0.1");
    x_forwarded_for(&["8.8.8.8, caf\u{e9}", "10.0.0.2"], "10.0.0.2");
}

#[test]
fn addresses_may_have_ports_and_brackets() {
    for (text, address) in [
        ("192.0.2.1:4711", "192.0.2.1"),
        ("[2001:db8::1]", "2001:db8::1"),
        ("[2001:db8::1]:4711", "2001:db8::1"),
        ("2001:db8::1", "2001:db8::1"),
        ("::ffff:192.0.2.1", "192.0.2.1"),
        ("[::ffff:192.0.2.1]:4711", "192.0.2.1"),
        ("[192.0.2.1]", "10.0.0.1"),
        ("[2001:db8::1", "10.0.0.1"),
        ("[2001:db8::1]:", "10.0.0.1"),
    ] {
        x_forwarded_for(&[text], address);
        forwarded_for(&[&format!("for=\"{text}\"")], address);
    }
}

#[test]
fn forwarded_has_the_syntax_of_rfc_7239() {
    // The RFC's own examples first (sections 4 and 7.1).
    for (line, address) in [
        ("for=\"_gazonk\"", "10.0.0.1"),
        ("For=\"[2001:db8:cafe::17]:4711\"", "2001:db8:cafe::17"),
        ("for=192.0.2.60;proto=http;by=203.0.113.43", "192.0.2.60"),
        ("for=192.0.2.43, for=198.51.100.17", "198.51.100.17"),
        ("for=192.0.2.43,FOR=10.9.9.9", "192.0.2.43"),
        ("FOR=192.0.2.1 ; by=x", "192.0.2.1"),
        (";for=192.0.2.1;", "192.0.2.1"),
        ("for=\"192.0.2.\\1\"", "192.0.2.1"),
        ("by=\"a;b,c\";for=192.0.2.1", "192.0.2.1"),
        ("other=x;for=192.0.2.1", "192.0.2.1"),
        ("for", "10.0.0.1"),
        ("for=", "10.0.0.1"),
        ("=192.0.2.1", "10.0.0.1"),
        ("for =192.0.2.1", "10.0.0.1"),
        ("for=192.0.2.1 by=x", "10.0.0.1"),
        ("for=192.0.2.1;for=192.0.2.2", "10.0.0.1"),
        ("for=\"192.0.2.1", "10.0.0.1"),
        ("for=\"192.0.2.1\\", "10.0.0.1"),
    ] {
        forwarded_for(&[line], address);
    }
}

#[test]
fn an_open_quote_swallows_nothing_that_a_proxy_added() {
    forwarded_for(&["for=\"8.8.8.8, for=192.0.2.1"], "10.0.0.1");
    forwarded_for(&["for=\"8.8.8.8", "for=192.0.2.1"], "192.0.2.1");
    forwarded_for(&["for=\"8.8.8.8", "for=10.0.0.2"], "10.0.0.2");
}

#[test]
fn scheme_and_host_are_those_of_the_nearest_proxy() {
    let peer = "10.0.0.1:5000";
    let line =
        "for=8.8.8.8;proto=http;host=evil.example, for=192.0.2.1;proto=https;host=hooks.example";
    let said = Some("https://hooks.example");
    check(peer, &[("forwarded", line)], "192.0.2.1", said);
    let line = "for=8.8.8.8;proto=http;host=evil.example, for=192.0.2.1";
    check(peer, &[("forwarded", line)], "192.0.2.1", None);
    let lines = [
        ("x-forwarded-proto", "http, https"),
        ("x-forwarded-host", "evil.example"),
        ("x-forwarded-host", "hooks.example"),
    ];
    check(peer, &lines, "10.0.0.1", said);
}

#[test]
fn only_both_together_are_the_beginning_of_a_url() {
    let peer = "10.0.0.1:5000";
    for line in [
        ("x-forwarded-proto", "https"),
        ("x-forwarded-host", "a.example"),
    ] {
        check(peer, &[line], "10.0.0.1", None);
    }
    for line in ["proto=https", "host=a.example"] {
        check(peer, &[("forwarded", line)], "10.0.0.1", None);
    }
}

#[test]
fn an_invalid_scheme_or_host_is_ignored() {
    let peer = "10.0.0.1:5000";
    let table = [
        ("HTTPS", "Hooks.Example", Some("https://hooks.example")),
        ("http", "a.example:8080", Some("http://a.example:8080")),
        ("https", "a.example:443", Some("https://a.example")),
        ("http", "192.0.2.1", Some("http://192.0.2.1")),
        ("http", "[2001:db8::1]:80", Some("http://[2001:db8::1]")),
        ("https", "a_b.example", Some("https://a_b.example")),
        ("ftp", "a.example", None),
        ("javascript", "a.example", None),
        ("https://x", "a.example", None),
        ("", "a.example", None),
        ("https", "", None),
        ("https", ":443", None),
        ("https", "a.example:99999", None),
        ("https", "a.example:b", None),
        ("https", "a.example/evil", None),
        ("https", "a.example?evil", None),
        ("https", "a.example#evil", None),
        ("https", "me@a.example", None),
        ("https", "a.example\\evil", None),
        ("https", "evil\"", None),
        ("https", "a example", None),
        ("https", "a%2eexample", None),
        ("https", "[2001:db8::1", None),
    ];
    for (proto, host, expected) in table {
        let lines = [("x-forwarded-proto", proto), ("x-forwarded-host", host)];
        check(peer, &lines, "10.0.0.1", expected);
        let quoted = host.replace('\\', "\\\\").replace('"', "\\\"");
        let line = format!("proto=\"{proto}\";host=\"{quoted}\"");
        check(peer, &[("forwarded", &line)], "10.0.0.1", expected);
    }
}

#[test]
fn if_both_kinds_of_headers_are_sent_only_what_they_agree_on_counts() {
    let peer = "10.0.0.1:5000";
    // A proxy that writes one kind passes on what its client says in the other.
    let spoofed = [
        ("forwarded", "for=192.0.2.1;proto=https;host=evil.example"),
        ("x-forwarded-for", "192.0.2.1"),
    ];
    check(peer, &spoofed, "192.0.2.1", None);
    let spoofed = [
        ("forwarded", "for=192.0.2.1;proto=https;host=hooks.example"),
        ("x-forwarded-for", "8.8.8.8"),
        ("x-forwarded-proto", "https"),
        ("x-forwarded-host", "hooks.example"),
    ];
    check(peer, &spoofed, "10.0.0.1", Some("https://hooks.example"));
}

#[test]
fn a_trusted_proxy_says_scheme_and_host_and_the_public_url_the_path() {
    let caller = |said: &str| Caller {
        address: IpAddr::from([127, 0, 0, 1]),
        scheme_and_host: (!said.is_empty()).then(|| said.to_owned()),
    };
    let table = [
        ("http://a.example", "", "http://a.example"),
        ("http://a.example/base/", "", "http://a.example/base"),
        (
            "http://a.example",
            "https://b.example:8443",
            "https://b.example:8443",
        ),
        (
            "http://a.example/",
            "https://b.example",
            "https://b.example",
        ),
        (
            "http://a.example:80/x/y",
            "https://b.example",
            "https://b.example/x/y",
        ),
    ];
    for (public_url, said, expected) in table {
        assert_eq!(base(public_url, Some(&caller(said))), expected);
    }
    assert_eq!(base("http://a.example/base", None), "http://a.example/base");
}
