//! The modules of `js/`.

/// Each module by its id. A workflow can import only `dormouse:workflow`, by the name of a package, and the modules
/// that begin with `node:`, since the bundler puts no others into a module's table of imports.
const OWN: [(&str, &str); 49] = [
    ("dormouse:main", include_str!("../js/main.js")),
    ("dormouse:api", include_str!("../js/api.js")),
    ("dormouse:bytes", include_str!("../js/bytes.js")),
    ("dormouse:carried", include_str!("../js/carried.js")),
    ("dormouse:children", include_str!("../js/children.js")),
    ("dormouse:client", include_str!("../js/client.js")),
    ("dormouse:clone", include_str!("../js/clone.js")),
    ("dormouse:console", include_str!("../js/console.js")),
    ("dormouse:context", include_str!("../js/context.js")),
    ("dormouse:crypto", include_str!("../js/crypto.js")),
    ("dormouse:decorators", include_str!("../js/decorators.js")),
    ("dormouse:errors", include_str!("../js/errors.js")),
    ("dormouse:events", include_str!("../js/events.js")),
    ("dormouse:failed", include_str!("../js/failed.js")),
    ("dormouse:fetch", include_str!("../js/fetch.js")),
    ("dormouse:input", include_str!("../js/input.js")),
    ("dormouse:intl", include_str!("../js/intl.js")),
    ("dormouse:middleware", include_str!("../js/middleware.js")),
    ("dormouse:multipart", include_str!("../js/multipart.js")),
    ("dormouse:operations", include_str!("../js/operations.js")),
    ("dormouse:payload", include_str!("../js/payload.js")),
    ("dormouse:process", include_str!("../js/process.js")),
    ("dormouse:refused", include_str!("../js/refused.js")),
    ("dormouse:registry", include_str!("../js/registry.js")),
    ("dormouse:require", include_str!("../js/require.js")),
    ("dormouse:secrets", include_str!("../js/secrets.js")),
    ("dormouse:serve", include_str!("../js/serve.js")),
    ("dormouse:settings", include_str!("../js/settings.js")),
    ("dormouse:streams", include_str!("../js/streams.js")),
    ("dormouse:timers", include_str!("../js/timers.js")),
    ("dormouse:url", include_str!("../js/url.js")),
    ("dormouse:workflow", include_str!("../js/workflow.js")),
    ("node:assert", include_str!("../js/node/assert.js")),
    (
        "node:async_hooks",
        include_str!("../js/node/async_hooks.js"),
    ),
    ("node:buffer", include_str!("../js/node/buffer.js")),
    ("node:crypto", include_str!("../js/node/crypto.js")),
    ("node:events", include_str!("../js/node/events.js")),
    ("node:module", include_str!("../js/node/module.js")),
    ("node:os", include_str!("../js/node/os.js")),
    ("node:path", include_str!("../js/node/path.js")),
    ("node:perf_hooks", include_str!("../js/node/perf_hooks.js")),
    ("node:process", include_str!("../js/node/process.js")),
    (
        "node:querystring",
        include_str!("../js/node/querystring.js"),
    ),
    ("node:stream/web", include_str!("../js/node/stream_web.js")),
    (
        "node:string_decoder",
        include_str!("../js/node/string_decoder.js"),
    ),
    ("node:timers", include_str!("../js/node/timers.js")),
    (
        "node:timers/promises",
        include_str!("../js/node/timers_promises.js"),
    ),
    ("node:url", include_str!("../js/node/url.js")),
    ("node:util", include_str!("../js/node/util.js")),
];

/// Returns the text of a module of `js/`.
pub(crate) fn own(id: &str) -> Option<&'static str> {
    OWN.iter()
        .find(|(name, _)| *name == id)
        .map(|(_, source)| *source)
}
