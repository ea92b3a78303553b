//! `#[workflow]`: the function stays as it is, and beside it comes the export that the host starts.

use proc_macro2::TokenStream;
use quote::quote;
use syn::{Error, FnArg, ItemFn, Result, ReturnType, Signature};

pub(crate) fn expand(arguments: &TokenStream, item: TokenStream) -> Result<TokenStream> {
    let function: ItemFn = syn::parse2(item)
        .map_err(|error| Error::new(error.span(), "`#[workflow]` goes before an `async fn`"))?;
    check(arguments, &function.sig)?;
    let name = &function.sig.ident;
    Ok(quote! {
        #function

        const _: () = {
            struct Workflow;

            impl ::dormouse_sdk::__private::Guest for Workflow {
                async fn run(
                    input: ::dormouse_sdk::__private::Payload,
                ) -> ::core::result::Result<
                    ::dormouse_sdk::__private::Payload,
                    ::dormouse_sdk::__private::Failure,
                > {
                    ::dormouse_sdk::__private::run(input, #name).await
                }
            }

            ::dormouse_sdk::__private::export_workflow!(
                Workflow with_types_in ::dormouse_sdk::__private
            );
        };
    })
}

/// Every mistake at once, so that the author is not sent round the compiler for each.
fn check(arguments: &TokenStream, signature: &Signature) -> Result<()> {
    let mistakes = [
        check_arguments(arguments),
        check_async(signature),
        check_generics(signature),
        check_inputs(signature),
        check_output(signature),
    ];
    let errors = mistakes
        .into_iter()
        .filter_map(Result::err)
        .reduce(|mut all, error| {
            all.combine(error);
            all
        });
    errors.map_or(Ok(()), Err)
}

fn check_arguments(arguments: &TokenStream) -> Result<()> {
    if arguments.is_empty() {
        return Ok(());
    }
    Err(Error::new_spanned(
        arguments,
        "`#[workflow]` takes no arguments",
    ))
}

fn check_async(signature: &Signature) -> Result<()> {
    if signature.asyncness.is_some() {
        return Ok(());
    }
    let message = format!("a workflow is async: write `async fn {}`", signature.ident);
    Err(Error::new_spanned(signature.fn_token, message))
}

fn check_generics(signature: &Signature) -> Result<()> {
    let generics = &signature.generics;
    if generics.params.is_empty() && generics.where_clause.is_none() {
        return Ok(());
    }
    Err(Error::new_spanned(
        generics,
        "a workflow cannot be generic: the host starts it with one type of input",
    ))
}

fn check_inputs(signature: &Signature) -> Result<()> {
    if let Some(receiver @ FnArg::Receiver(_)) = signature.inputs.first() {
        return Err(Error::new_spanned(
            receiver,
            "a workflow is a free function: it takes no `self`",
        ));
    }
    if signature.inputs.len() == 2 {
        return Ok(());
    }
    let message = format!(
        "a workflow takes two arguments, its context and its input: \
         write `async fn {}(ctx: Context, input: Input)`, or `_: ()` for the input when there is none",
        signature.ident
    );
    // Without arguments there is nothing to point at between the parentheses.
    if signature.inputs.is_empty() {
        return Err(Error::new_spanned(&signature.ident, message));
    }
    Err(Error::new_spanned(&signature.inputs, message))
}

fn check_output(signature: &Signature) -> Result<()> {
    match signature.output {
        ReturnType::Type(..) => Ok(()),
        ReturnType::Default => Err(Error::new_spanned(
            &signature.ident,
            "a workflow returns a `Result`: write `-> Result<()>` when it gives nothing",
        )),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn errors(arguments: &TokenStream, item: TokenStream) -> Vec<String> {
        match expand(arguments, item) {
            Ok(_) => Vec::new(),
            Err(error) => error.into_iter().map(|error| error.to_string()).collect(),
        }
    }

    fn check_message(item: TokenStream, expected: &str) {
        assert_eq!(errors(&TokenStream::new(), item), [expected]);
    }

    #[test]
    fn keeps_the_function_and_exports_it() {
        let function = quote! {
            /// Says hello.
            pub async fn hello(ctx: Context, _: ()) -> Result<String> { Ok(String::new()) }
        };
        let expanded = expand(&TokenStream::new(), function.clone())
            .unwrap()
            .to_string();
        assert!(expanded.starts_with(&function.to_string()), "{expanded}");
        assert!(expanded.contains("run (input , hello)"), "{expanded}");
        syn::parse_str::<syn::File>(&expanded).unwrap();
    }

    #[test]
    fn not_a_function() {
        check_message(
            quote! { struct Hello; },
            "`#[workflow]` goes before an `async fn`",
        );
    }

    #[test]
    fn not_async() {
        check_message(
            quote! { fn hello(ctx: Context, input: Input) -> Result<()> { Ok(()) } },
            "a workflow is async: write `async fn hello`",
        );
    }

    #[test]
    fn wrong_number_of_arguments() {
        let expected = "a workflow takes two arguments, its context and its input: \
            write `async fn hello(ctx: Context, input: Input)`, or `_: ()` for the input when there is none";
        check_message(
            quote! { async fn hello() -> Result<()> { Ok(()) } },
            expected,
        );
        check_message(
            quote! { async fn hello(ctx: Context) -> Result<()> { Ok(()) } },
            expected,
        );
        check_message(
            quote! { async fn hello(ctx: Context, a: u8, b: u8) -> Result<()> { Ok(()) } },
            expected,
        );
    }

    #[test]
    fn a_method() {
        check_message(
            quote! { async fn hello(&self, input: Input) -> Result<()> { Ok(()) } },
            "a workflow is a free function: it takes no `self`",
        );
    }

    #[test]
    fn generics() {
        let expected = "a workflow cannot be generic: the host starts it with one type of input";
        check_message(
            quote! { async fn hello<T>(ctx: Context, input: T) -> Result<()> { Ok(()) } },
            expected,
        );
        check_message(
            quote! { async fn hello(ctx: Context, input: T) -> Result<()> where T: Copy { Ok(()) } },
            expected,
        );
    }

    #[test]
    fn no_result() {
        check_message(
            quote! { async fn hello(ctx: Context, input: Input) {} },
            "a workflow returns a `Result`: write `-> Result<()>` when it gives nothing",
        );
    }

    #[test]
    fn several_mistakes_are_all_named() {
        let found = errors(
            &quote! { name = "x" },
            quote! { fn hello() -> Result<()> { Ok(()) } },
        );
        assert_eq!(found.len(), 3, "{found:?}");
        assert_eq!(found[0], "`#[workflow]` takes no arguments");
    }
}
