//! Small crates that have a circle, and others that have none.

use super::modules::{Files, Modules};

/// Checks the message about a crate of these files, the first of which is its root. The message is empty if there is
/// no circle.
fn check(files: &[(&str, &str)], expected: &str) {
    let texts = files.iter();
    let texts: Files = texts
        .map(|(file, text)| ((*file).to_owned(), (*text).to_owned()))
        .collect();
    let circles = Modules::read(&texts, files[0].0).arrows().circles();
    let said: String = circles.iter().map(ToString::to_string).collect();
    assert_eq!(said, expected);
}

/// Checks a crate in which `a.rs` uses something of `b.rs` with this text, and `b.rs` uses something of `a.rs`.
fn check_use(text: &str, name: &str) {
    let b = "use crate::a::A; pub struct B; pub mod inner { pub struct C; } pub fn help(a: A) {}";
    let expected = format!(
        "2 files use each other in a circle:\n  src/a.rs -> src/b.rs: {name}\n  src/b.rs -> src/a.rs: A\n"
    );
    let a = format!("pub struct A; {text}");
    let files = |a| {
        [
            ("src/lib.rs", "mod a; mod b; pub use b::B;"),
            ("src/a.rs", a),
            ("src/b.rs", b),
        ]
    };
    check(&files(&a), &expected);
    check(&files("pub struct A;"), "");
}

#[test]
fn every_way_to_use_another_file() {
    check_use("use crate::b::B;", "B");
    check_use("use crate::b::{help as other, B};", "B, help");
    check_use("use super::b::inner::C;", "C");
    check_use("use self::super::b::inner::{self, C};", "C");
    check_use("use crate::b; fn f() { b::help(A) }", "help");
    check_use("use crate::b as other; fn f(c: other::inner::C) {}", "C");
    check_use("use crate::b::*;", "*");
    check_use("fn f() { use crate::b::B; }", "B");
    check_use("fn f() -> Option<crate::b::B> { None }", "B");
    check_use("impl From<A> for crate::b::B {}", "B");
    check_use("fn f() { g(|a| <A as Into<crate::b::B>>::into(a)) }", "B");
    check_use("fn f() { match g() { super::b::B => {} } }", "B");
    check_use("fn f() { println!(\"{}\", crate::b::help(A)) }", "help");
    check_use(
        "macro_rules! m { () => { vec![$crate::b::help(A)] } }",
        "help",
    );
    check_use("#[route(answers(A, crate::b::B))] fn f() {}", "B");
    check_use("mod own { use super::super::b::B; }", "B");
}

/// A file that uses a re-exported item uses the file that defines the item.
#[test]
fn a_reexport_leads_to_the_file_that_defines() {
    check_use("use crate::B;", "B");
    check_use("fn f(b: crate::B) {}", "B");
    check_use("use super::*; fn f(b: B) {}", "B");
    check_use("pub use crate::b::B;", "B");
}

#[test]
fn a_parent_that_only_declares_and_reexports_uses_no_child() {
    let child = "use super::Whole; pub struct Part; impl Part { fn f(_: Whole) {} }";
    check(
        &[
            ("lib.rs", "mod whole;"),
            (
                "whole.rs",
                "mod part; pub(crate) use part::Part; pub struct Whole;",
            ),
            ("whole/part.rs", child),
        ],
        "",
    );
    check(
        &[
            ("lib.rs", "mod whole;"),
            (
                "whole.rs",
                "mod part; pub(crate) use part::Part; pub struct Whole(Part);",
            ),
            ("whole/part.rs", child),
        ],
        "2 files use each other in a circle:\n  whole.rs -> whole/part.rs: Part\n  whole/part.rs -> whole.rs: Whole\n",
    );
    check(
        &[
            ("lib.rs", "mod whole;"),
            (
                "whole/mod.rs",
                "mod part; pub struct Whole; fn make() { part::Part::f() }",
            ),
            ("whole/part.rs", child),
        ],
        "2 files use each other in a circle:\n  whole/mod.rs -> whole/part.rs: Part\n  whole/part.rs -> whole/mod.rs: \
         Whole\n",
    );
}

/// Many crates have such a module, with the names that their users import most often.
#[test]
fn a_parent_may_reexport_from_a_module_within_its_file() {
    check(
        &[
            (
                "lib.rs",
                "mod part; pub use part::Part; pub struct Whole; pub mod prelude { pub use crate::{Part, Whole}; }",
            ),
            ("part.rs", "pub struct Part(crate::Whole);"),
        ],
        "",
    );
}

#[test]
fn a_longer_circle_does_not_include_files_that_only_use_it() {
    check(
        &[
            ("lib.rs", "mod a; mod b; mod c; mod above; mod below;"),
            ("a.rs", "use crate::b::{B, b}; pub struct A;"),
            (
                "b.rs",
                "use crate::{below::D, c::C}; pub struct B; pub fn b() {}",
            ),
            ("c.rs", "pub struct C(crate::a::A);"),
            ("above.rs", "use crate::a::A;"),
            ("below.rs", "pub struct D;"),
        ],
        "3 files use each other in a circle:\n  a.rs -> b.rs: B, b\n  b.rs -> c.rs: C\n  c.rs -> a.rs: A\n",
    );
}

#[test]
fn two_circles_are_two() {
    check(
        &[
            ("lib.rs", "mod a; mod b; mod c; mod d;"),
            ("a.rs", "use crate::b::B; pub struct A;"),
            ("b.rs", "use crate::{a::A, c::C}; pub struct B;"),
            ("c.rs", "use crate::d::D; pub struct C;"),
            ("d.rs", "use crate::c::C; pub struct D;"),
        ],
        "2 files use each other in a circle:\n  a.rs -> b.rs: B\n  b.rs -> a.rs: A\n\
         2 files use each other in a circle:\n  c.rs -> d.rs: D\n  d.rs -> c.rs: C\n",
    );
}

#[test]
fn code_made_by_a_macro_belongs_to_the_file_that_calls_it() {
    check(
        &[
            ("lib.rs", "mod a; mod made;"),
            ("a.rs", "use crate::made::deep::Type; pub struct A;"),
            ("made.rs", "generate!(); fn f(_: crate::a::A) {}"),
        ],
        "2 files use each other in a circle:\n  a.rs -> made.rs: deep::Type\n  made.rs -> a.rs: A\n",
    );
}

#[test]
fn tests_may_use_what_they_like() {
    check(
        &[
            (
                "lib.rs",
                "mod a; mod b; #[cfg(test)] mod support; #[cfg(test)] extern crate self as me;",
            ),
            (
                "a.rs",
                "pub struct A; #[cfg(test)] mod tests { use crate::b::B; } #[cfg(test)] use crate::b::B;",
            ),
            ("b.rs", "use crate::a::A; pub struct B;"),
        ],
        "",
    );
}

#[test]
fn names_of_other_crates_and_of_the_file_itself_are_not_uses() {
    check(
        &[
            (
                "lib.rs",
                "mod http; mod b; pub use macros::choose; pub fn own(b: b::B) {}",
            ),
            (
                "http.rs",
                "use http::{self, Uri}; use ::b::B; mod own { pub struct O; } use own::O; fn b(b: Uri) { b.b.b(b::B) } \
                 fn f() { m!(x.b, http::Uri, O) }",
            ),
            (
                "b.rs",
                "use crate::http::b; pub struct B; fn f() { crate::choose!(1) }",
            ),
        ],
        "",
    );
}
