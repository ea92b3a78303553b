//! `join!`: the futures are polled in the order in which they are written, until each has its
//! output.

use proc_macro2::{Span, TokenStream};
use quote::{format_ident, quote_spanned};
use syn::parse::Parser;
use syn::punctuated::Punctuated;
use syn::{Error, Expr, Result, Token};

pub(crate) fn expand(input: TokenStream) -> Result<TokenStream> {
    let expressions = Punctuated::<Expr, Token![,]>::parse_terminated.parse2(input)?;
    if expressions.is_empty() {
        let message = "`join!` needs at least one future";
        return Err(Error::new(Span::call_site(), message));
    }
    let expressions = expressions.iter();
    // The span is mixed-site, so that generated names and the author's names cannot meet.
    let site = Span::mixed_site();
    let count = expressions.len();
    let names = |prefix| (0..count).map(move |n| format_ident!("{prefix}{n}", span = site));
    let futures: Vec<_> = names("future").collect();
    let outputs: Vec<_> = names("output").collect();
    // The `match` keeps the values that the expressions borrow alive for as long as the futures.
    Ok(quote_spanned! {site=>
        match (#(::core::future::IntoFuture::into_future(#expressions),)*) {
            (#(#futures,)*) => {
                #(
                    let mut #futures = ::core::pin::pin!(#futures);
                    let mut #outputs = ::core::option::Option::None;
                )*
                ::core::future::poll_fn(|context| {
                    #(
                        if #outputs.is_none() {
                            if let ::core::task::Poll::Ready(output) =
                                ::core::future::Future::poll(#futures.as_mut(), context)
                            {
                                #outputs = ::core::option::Option::Some(output);
                            }
                        }
                    )*
                    match (#(#outputs.take(),)*) {
                        (#(::core::option::Option::Some(#outputs),)*) => {
                            ::core::task::Poll::Ready((#(#outputs,)*))
                        }
                        unfinished => {
                            (#(#outputs,)*) = unfinished;
                            ::core::task::Poll::Pending
                        }
                    }
                })
                .await
            }
        }
    })
}

#[cfg(test)]
mod tests {
    use quote::quote;

    use super::*;

    #[test]
    fn expands_to_an_expression() {
        let expanded = expand(quote! { a, b.wait("x"), async { 1 }, }).unwrap();
        assert!(matches!(
            syn::parse2::<Expr>(expanded).unwrap(),
            Expr::Match(_)
        ));
    }

    #[test]
    fn no_futures() {
        let error = expand(TokenStream::new()).unwrap_err();
        assert_eq!(error.to_string(), "`join!` needs at least one future");
    }

    #[test]
    fn not_an_expression() {
        let error = expand(quote! { a b }).unwrap_err();
        assert_eq!(error.to_string(), "expected `,`");
    }
}
