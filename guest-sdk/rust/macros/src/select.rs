//! `select!`: the futures are polled in the order in which they are written, and all of them are
//! dropped before the winner's handler runs.

use proc_macro2::{Span, TokenStream};
use quote::{format_ident, quote_spanned};
use syn::parse::{Parse, ParseStream};
use syn::{Error, Expr, ExprBlock, Pat, Result, Token, token};

/// `pattern = future => handler`
struct Arm {
    pattern: Pat,
    future: Expr,
    handler: Expr,
}

struct Arms(Vec<Arm>);

pub(crate) fn expand(input: TokenStream) -> Result<TokenStream> {
    let Arms(arms) = syn::parse2(input)?;
    // The span is mixed-site, so that generated names and the author's names cannot meet. This does
    // not work for types, hence the underscores.
    let site = Span::mixed_site();
    let names = |prefix| (0..arms.len()).map(move |n| format_ident!("{prefix}{n}", span = site));
    let futures: Vec<_> = names("future").collect();
    let variants: Vec<_> = names("Future").collect();
    let outputs: Vec<_> = names("T").collect();
    let patterns = arms.iter().map(|arm| &arm.pattern);
    let handlers = arms.iter().map(|arm| &arm.handler);
    let expressions = arms.iter().map(|arm| &arm.future);
    // The inner `match` keeps the values that the expressions borrow alive for as long as the
    // futures. It ends before the outer one begins, so that a lost wait is given up before a
    // handler runs.
    Ok(quote_spanned! {site=> {
        enum __First<#(#outputs),*> { #(#variants(#outputs)),* }
        let first = match (#(::core::future::IntoFuture::into_future(#expressions),)*) {
            (#(#futures,)*) => {
                #(let mut #futures = ::core::pin::pin!(#futures);)*
                ::core::future::poll_fn(|context| {
                    #(
                        if let ::core::task::Poll::Ready(output) =
                            ::core::future::Future::poll(#futures.as_mut(), context)
                        {
                            return ::core::task::Poll::Ready(__First::#variants(output));
                        }
                    )*
                    ::core::task::Poll::Pending
                })
                .await
            }
        };
        match first {
            #(__First::#variants(#patterns) => #handlers,)*
        }
    }})
}

impl Parse for Arms {
    fn parse(input: ParseStream<'_>) -> Result<Self> {
        let mut arms = Vec::new();
        while !input.is_empty() {
            let pattern = Pat::parse_multi_with_leading_vert(input)?;
            input.parse::<Token![=]>()?;
            let future = input.parse()?;
            input.parse::<Token![=>]>()?;
            // As in `match`, a block ends its arm, and any other expression is followed by a comma.
            let is_block = input.peek(token::Brace);
            let handler = if is_block {
                Expr::Block(input.parse::<ExprBlock>()?)
            } else {
                input.parse()?
            };
            if input.peek(Token![,]) || !(is_block || input.is_empty()) {
                input.parse::<Token![,]>()?;
            }
            arms.push(Arm {
                pattern,
                future,
                handler,
            });
        }
        if arms.is_empty() {
            return Err(Error::new(
                input.span(),
                "`select!` needs at least one arm: `pattern = future => handler`",
            ));
        }
        Ok(Self(arms))
    }
}

#[cfg(test)]
mod tests {
    use quote::quote;

    use super::*;

    fn error(input: TokenStream) -> String {
        expand(input).unwrap_err().to_string()
    }

    #[test]
    fn arms_end_as_in_match() {
        let Arms(arms) = syn::parse2(quote! {
            _ = first => { one() }
            Some(x) | Other(x) = &mut second => x + 1,
            (a, b) = third.wait("x") => break a,
            _ = fourth => {},
            _ = fifth => last
        })
        .unwrap();
        assert_eq!(arms.len(), 5);
        assert!(matches!(arms[1].handler, Expr::Binary(_)));
        assert!(matches!(arms[2].future, Expr::MethodCall(_)));
    }

    #[test]
    fn expands_to_an_expression() {
        let expanded = expand(quote! { a = b => a, _ = c => { d } }).unwrap();
        assert!(matches!(
            syn::parse2::<Expr>(expanded).unwrap(),
            Expr::Block(_)
        ));
    }

    #[test]
    fn no_arms() {
        assert_eq!(
            error(quote! {}),
            "`select!` needs at least one arm: `pattern = future => handler`"
        );
    }

    #[test]
    fn a_missing_part_is_named() {
        assert_eq!(error(quote! { a b => c }), "expected `=`");
        assert_eq!(error(quote! { a = b }), "expected `=>`");
        assert_eq!(error(quote! { a = b => c d = e => f }), "expected `,`");
    }
}
