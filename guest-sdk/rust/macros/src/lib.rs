//! The macros of `dormouse-sdk`, which re-exports and documents them. Depend on that crate instead
//! of this one: the generated code names its items.

mod join;
mod select;
mod workflow;

use proc_macro::TokenStream;

/// Makes an `async fn` the workflow of its crate. See `dormouse_sdk::workflow`.
#[proc_macro_attribute]
pub fn workflow(arguments: TokenStream, item: TokenStream) -> TokenStream {
    finish(workflow::expand(&arguments.into(), item.into()))
}

/// Awaits the first of several futures. See `dormouse_sdk::select`.
#[proc_macro]
pub fn select(input: TokenStream) -> TokenStream {
    finish(select::expand(input.into()))
}

/// Awaits all of several futures. See `dormouse_sdk::join`.
#[proc_macro]
pub fn join(input: TokenStream) -> TokenStream {
    finish(join::expand(input.into()))
}

fn finish(expanded: syn::Result<proc_macro2::TokenStream>) -> TokenStream {
    expanded
        .unwrap_or_else(syn::Error::into_compile_error)
        .into()
}
