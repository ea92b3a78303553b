//! The bindings that `wit-bindgen` makes of the contract in `wit/`.

#![allow(unsafe_code, reason = "generated")]

wit_bindgen::generate!({
    world: "workflow",
    path: "../../../wit",
});

struct Workflow;

impl Guest for Workflow {
    async fn run(input: Payload) -> Result<Payload, Failure> {
        crate::run::run(input).await
    }
}

export!(Workflow);
