//! `#[workflow]`: keeps the function as it is, and adds the export that the host starts.

use proc_macro2::{Span, TokenStream};
use quote::{ToTokens, quote, quote_spanned};
use syn::spanned::Spanned;
use syn::{Error, FnArg, Ident, ItemFn, Result, ReturnType, Signature, Type};

/// The name that the compiler reports as defined twice if a crate has two workflows.
const ONLY_ONE: &str = "a_crate_has_only_one_workflow";

pub(crate) fn expand(arguments: &TokenStream, item: TokenStream) -> Result<TokenStream> {
    let function: ItemFn = syn::parse2(item)
        .map_err(|error| Error::new(error.span(), "`#[workflow]` goes before an `async fn`"))?;
    check(arguments, &function.sig)?;
    let name = &function.sig.ident;
    let only_one = only_one(name);
    let call = call(&function.sig);
    Ok(quote! {
        #function

        #only_one

        const _: () = {
            struct Workflow;

            impl ::dormouse_sdk::__private::Guest for Workflow {
                async fn run(
                    input: ::dormouse_sdk::__private::Payload,
                ) -> ::core::result::Result<
                    ::dormouse_sdk::__private::Payload,
                    ::dormouse_sdk::__private::Failure,
                > {
                    #call
                }
            }

            ::dormouse_sdk::__private::export_workflow!(
                Workflow with_types_in ::dormouse_sdk::__private
            );
        };
    })
}

/// Returns an item whose name can exist only once in a crate, at the place of the function's name. An exported macro
/// is at the root of its crate, whichever module it is written in, so two workflows clash there with a message that
/// points at both. Without this item, the compiler would report a symbol that the author did not write.
fn only_one(function: &Ident) -> TokenStream {
    let name = Ident::new(ONLY_ONE, function.span());
    quote_spanned! {function.span()=>
        #[doc(hidden)]
        #[macro_export]
        macro_rules! #name {
            () => {};
        }
    }
}

/// Returns the code that reads the input, runs the workflow and settles its outcome. The compiler reports an input
/// that cannot be read, and an outcome that is not a `Result`, at the type that is wrong.
fn call(signature: &Signature) -> TokenStream {
    // The generated names mean the same, whichever macro the types come from.
    let here = Span::call_site();
    let name = &signature.ident;
    let output = match &signature.output {
        ReturnType::Type(_, output) => output.span().resolved_at(here),
        ReturnType::Default => here,
    };
    let settle = quote_spanned! {output=>
        ::dormouse_sdk::__private::settle(outcome)
    };
    let Some(FnArg::Typed(input)) = signature.inputs.get(1) else {
        return quote! {
            let outcome = #name(::dormouse_sdk::__private::begin()).await;
            #settle
        };
    };
    let read = quote_spanned! {input.ty.span().resolved_at(here)=>
        ::dormouse_sdk::__private::read_input(input)?
    };
    quote! {
        let context = ::dormouse_sdk::__private::begin();
        let input = #read;
        let outcome = #name(context, input).await;
        #settle
    }
}

/// Reports all mistakes at once, so that the author need not compile again after each.
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
    let name = &signature.ident;
    let arguments: Vec<_> = signature
        .inputs
        .iter()
        .filter_map(|input| match input {
            FnArg::Typed(argument) => Some(argument),
            FnArg::Receiver(_) => None,
        })
        .collect();
    match arguments.as_slice() {
        [context] | [context, _] if is_reference_to_context(&context.ty) => {
            let message = format!(
                "a workflow owns its context, which is a small token to copy: write `{}: Context`",
                text(&context.pat)
            );
            Err(Error::new_spanned(&context.ty, message))
        }
        [input, context] if is_context(bare(&context.ty)) && !is_context(bare(&input.ty)) => {
            let message = format!(
                "the context comes before the input: write `async fn {name}({}: Context, {}: {})`",
                text(&context.pat),
                text(&input.pat),
                text(&input.ty)
            );
            Err(Error::new_spanned(&signature.inputs, message))
        }
        [only] if is_plain(&only.ty) => {
            let message = format!(
                "a workflow takes its context before its input: write `async fn {name}(ctx: Context, {}: {})`",
                text(&only.pat),
                text(&only.ty)
            );
            Err(Error::new_spanned(&only.ty, message))
        }
        [_] | [_, _] => Ok(()),
        _ => {
            let message = format!(
                "a workflow takes its context, and its input if it needs one: \
                 write `async fn {name}(ctx: Context, input: Input)` or `async fn {name}(ctx: Context)`"
            );
            // Without arguments there is nothing between the parentheses to point at.
            if signature.inputs.is_empty() {
                return Err(Error::new_spanned(name, message));
            }
            Err(Error::new_spanned(&signature.inputs, message))
        }
    }
}

/// Returns true if this is the context, under the name that it has unless it is renamed.
fn is_context(argument: &Type) -> bool {
    last_name(argument).is_some_and(|name| name == "Context")
}

fn is_reference_to_context(argument: &Type) -> bool {
    matches!(argument, Type::Reference(reference) if is_context(&reference.elem))
}

/// Returns the type that a reference refers to, or the type itself.
fn bare(argument: &Type) -> &Type {
    match argument {
        Type::Reference(reference) => &reference.elem,
        _ => argument,
    }
}

/// Returns true if this is a type of the language or its library, which is never renamed. Only the compiler knows what
/// other names stand for.
fn is_plain(argument: &Type) -> bool {
    const PLAIN: [&str; 25] = [
        "String", "Vec", "Option", "Box", "HashMap", "BTreeMap", "HashSet", "BTreeSet", "Value",
        "bool", "char", "str", "u8", "u16", "u32", "u64", "u128", "usize", "i8", "i16", "i32",
        "i64", "i128", "f32", "f64",
    ];
    match argument {
        Type::Tuple(_) | Type::Array(_) | Type::Slice(_) | Type::Reference(_) => true,
        _ => last_name(argument).is_some_and(|name| PLAIN.iter().any(|plain| name == plain)),
    }
}

fn last_name(argument: &Type) -> Option<&Ident> {
    let Type::Path(path) = argument else {
        return None;
    };
    path.path.segments.last().map(|segment| &segment.ident)
}

/// Returns the text of a pattern or type, with the usual spaces.
fn text(tokens: &impl ToTokens) -> String {
    let text = tokens.to_token_stream().to_string();
    [
        (" :: ", "::"),
        (" < ", "<"),
        (" >", ">"),
        ("& ", "&"),
        (" ,", ","),
        ("( )", "()"),
    ]
    .iter()
    .fold(text, |text, (from, to)| text.replace(from, to))
}

fn check_output(signature: &Signature) -> Result<()> {
    let output = match &signature.output {
        ReturnType::Type(_, output) => output,
        ReturnType::Default => {
            return Err(Error::new_spanned(
                &signature.ident,
                "a workflow returns a `Result`: write `-> Result<()>` when it gives nothing",
            ));
        }
    };
    if !is_plain(output) {
        return Ok(());
    }
    let output_text = text(output);
    let message = format!(
        "a workflow returns a `Result`: write `-> Result<{output_text}>`, and give the value as `Ok(value)`"
    );
    Err(Error::new_spanned(output, message))
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
        assert!(expanded.contains("hello (context , input)"), "{expanded}");
        syn::parse_str::<syn::File>(&expanded).unwrap();
    }

    #[test]
    fn without_input_only_the_context_is_handed_over() {
        let function = quote! { async fn hello(ctx: Context) -> Result<()> { Ok(()) } };
        let expanded = expand(&TokenStream::new(), function).unwrap().to_string();
        assert!(
            expanded.contains("hello (:: dormouse_sdk :: __private :: begin ())"),
            "{expanded}"
        );
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
        let expected = "a workflow takes its context, and its input if it needs one: \
            write `async fn hello(ctx: Context, input: Input)` or `async fn hello(ctx: Context)`";
        check_message(
            quote! { async fn hello() -> Result<()> { Ok(()) } },
            expected,
        );
        check_message(
            quote! { async fn hello(ctx: Context, a: u8, b: u8) -> Result<()> { Ok(()) } },
            expected,
        );
    }

    #[test]
    fn an_input_without_a_context() {
        check_message(
            quote! { async fn hello(names: Vec<String>) -> Result<()> { Ok(()) } },
            "a workflow takes its context before its input: \
             write `async fn hello(ctx: Context, names: Vec<String>)`",
        );
    }

    #[test]
    fn swapped_arguments() {
        for context in [quote! { Context }, quote! { &dormouse_sdk::Context }] {
            check_message(
                quote! { async fn hello(input: my::Input, ctx: #context) -> Result<()> { Ok(()) } },
                "the context comes before the input: \
                 write `async fn hello(ctx: Context, input: my::Input)`",
            );
        }
    }

    #[test]
    fn a_reference_to_the_context() {
        let expected = "a workflow owns its context, which is a small token to copy: \
            write `c: Context`";
        check_message(
            quote! { async fn hello(c: &Context, input: Input) -> Result<()> { Ok(()) } },
            expected,
        );
        check_message(
            quote! { async fn hello(c: &mut dormouse_sdk::Context) -> Result<()> { Ok(()) } },
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
    fn a_plain_return_type() {
        for (output, expected) in [
            (quote! { String }, "String"),
            (quote! { (u8, u8) }, "(u8, u8)"),
            (quote! { Vec<Option<u8>> }, "Vec<Option<u8>>"),
            (quote! { &'static str }, "&'static str"),
        ] {
            let expected = format!(
                "a workflow returns a `Result`: write `-> Result<{expected}>`, \
                 and give the value as `Ok(value)`"
            );
            check_message(
                quote! { async fn hello(ctx: Context) -> #output { todo!() } },
                &expected,
            );
        }
    }

    #[test]
    fn two_workflows_of_a_crate_define_the_same_name_at_its_root() {
        let expanded = expand(
            &TokenStream::new(),
            quote! { async fn hello(ctx: Context) -> Result<()> { Ok(()) } },
        );
        let expanded: syn::File = syn::parse2(expanded.unwrap()).unwrap();
        let exported = expanded.items.iter().find_map(|item| match item {
            syn::Item::Macro(item) => Some(item),
            _ => None,
        });
        let exported = exported.unwrap();
        assert_eq!(exported.ident.as_ref().unwrap(), ONLY_ONE);
        let is_exported = |attribute: &syn::Attribute| attribute.path().is_ident("macro_export");
        assert!(exported.attrs.iter().any(is_exported));
    }

    #[test]
    fn several_mistakes_are_all_named() {
        let found = errors(
            &quote! { name = "x" },
            quote! { fn hello() -> String { String::new() } },
        );
        assert_eq!(found.len(), 4, "{found:?}");
        assert_eq!(found[0], "`#[workflow]` takes no arguments");
    }
}
