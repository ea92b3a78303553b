//! Checks the book in `docs/` and the other documents: each page is in the summary, and each link
//! has a target.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Component, Path, PathBuf};

use crate::workspace::{root, rust_files};

/// mdBook leaves out pages that its summary does not name, and fails if a page that is named does
/// not exist.
#[test]
fn the_summary_has_every_page() {
    let book = root().join("docs");
    let summary = book.join("SUMMARY.md");
    let listed: Vec<PathBuf> = links(&read(&summary))
        .map(|target| book.join(target))
        .collect();
    let once: BTreeSet<&PathBuf> = listed.iter().collect();
    assert_eq!(once.len(), listed.len(), "a page is listed twice");
    let pages = documents(&book);
    let pages: BTreeSet<&PathBuf> = pages.iter().filter(|page| **page != summary).collect();
    assert_eq!(once, pages);
    assert!(pages.len() > 20, "{}", pages.len());
}

#[test]
fn every_link_leads_somewhere() {
    let mut wrong = Vec::new();
    let mut checked = 0;
    for document in documents(root()) {
        for target in links(&read(&document)) {
            if target.contains("://") || target.starts_with("mailto:") {
                continue;
            }
            checked += 1;
            let (path, anchor) = target.split_once('#').unwrap_or((&target, ""));
            let file = match path {
                "" => document.clone(),
                path => normal(&document.with_file_name(path)),
            };
            let is_there =
                file.exists() && (anchor.is_empty() || anchors(&read(&file)).contains(anchor));
            if !is_there {
                wrong.push(format!("{}: {target}", document.display()));
            }
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
    assert!(checked > 50, "{checked}");
}

/// Checks the pages that comments in the code name without a link.
#[test]
fn every_page_that_the_code_names_is_there() {
    let mut wrong = Vec::new();
    for folder in ["host", "guest-sdk", "examples", "tests", "xtask"] {
        for file in rust_files(&root().join(folder)) {
            for page in named_pages(&read(&file)) {
                if !root().join(&page).exists() {
                    wrong.push(format!("{}: {page}", file.display()));
                }
            }
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}

#[test]
fn links_and_anchors_are_distinguished_from_code() {
    let text = "A [link](a.md), [`two`](b.md#c).\n```\n[code](no.md)\n# none\n```\n# The `x` of_it: 1,2!\n";
    assert_eq!(links(text).collect::<Vec<_>>(), ["a.md", "b.md#c"]);
    assert_eq!(anchors(text), BTreeSet::from(["the-x-of_it-12".to_owned()]));
    let code = "//! See `docs/how-to/back-up.md`, and \"../../docs/README.md\").";
    assert_eq!(
        named_pages(code).collect::<Vec<_>>(),
        ["docs/how-to/back-up.md", "docs/README.md"]
    );
}

fn read(path: &Path) -> String {
    fs::read_to_string(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// Returns all documents in a folder and its subfolders, except build output and hidden folders.
fn documents(folder: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_name().unwrap().to_str().unwrap();
        if path.is_dir() {
            if !["target", "node_modules"].contains(&name) && !name.starts_with('.') {
                found.extend(documents(&path));
            }
        } else if path.extension().is_some_and(|extension| extension == "md") {
            found.push(path);
        }
    }
    found
}

/// Returns the lines of a document that are not code.
fn prose(text: &str) -> impl Iterator<Item = &str> {
    let mut is_code = false;
    text.lines().filter(move |line| {
        let is_fence = line.trim_start().starts_with("```");
        is_code ^= is_fence;
        !is_code && !is_fence
    })
}

/// Returns the targets of a document's links.
fn links(text: &str) -> impl Iterator<Item = String> {
    prose(text).flat_map(|line| {
        let targets = line.split("](").skip(1);
        targets.filter_map(|rest| Some(rest.split_once(')')?.0.to_owned()))
    })
}

/// Returns the anchors of a document's headings, as code hosts and mdBook make them.
fn anchors(text: &str) -> BTreeSet<String> {
    let headings = prose(text).filter(|line| line.starts_with('#'));
    headings
        .map(|heading| {
            let heading = heading.trim_start_matches('#').trim().to_lowercase();
            let kept = heading
                .chars()
                .filter(|c| c.is_alphanumeric() || " -_".contains(*c));
            kept.collect::<String>().replace(' ', "-")
        })
        .collect()
}

/// Returns the pages of the book that a source file names by their paths from the repository's root.
fn named_pages(code: &str) -> impl Iterator<Item = String> {
    code.split("docs/").skip(1).filter_map(|rest| {
        let end = rest.find(|c: char| !(c.is_alphanumeric() || "-_/.".contains(c)));
        let path = &rest[..end.unwrap_or(rest.len())];
        let end = path.find(".md")?;
        Some(format!("docs/{}", &path[..end + ".md".len()]))
    })
}

/// Returns the path without `..` in it.
fn normal(path: &Path) -> PathBuf {
    let mut normal = PathBuf::new();
    for part in path.components() {
        if part == Component::ParentDir {
            normal.pop();
        } else {
            normal.push(part);
        }
    }
    normal
}
