//! Which file uses which other files, and the circles among them.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

/// For each file, the files that it uses, and the names that it uses of each.
#[derive(Debug, Default)]
pub(crate) struct Arrows(BTreeMap<String, BTreeMap<String, BTreeSet<String>>>);

/// Files that all use each other, directly or through others of them.
#[derive(Debug)]
pub(crate) struct Circle {
    /// The files.
    files: BTreeSet<String>,
    /// The uses within the circle: a file, another file, and the names that the first uses of the
    /// second.
    arrows: Vec<(String, String, BTreeSet<String>)>,
}

impl Arrows {
    /// Adds that a file uses a name of another file. Nothing is added if both are the same file.
    pub(crate) fn add(&mut self, from: &str, to: &str, name: &str) {
        if from != to {
            let targets = self.0.entry(from.to_owned()).or_default();
            let names = targets.entry(to.to_owned()).or_default();
            names.insert(name.to_owned());
        }
    }

    /// Returns all circles. A file is in at most one circle.
    pub(crate) fn circles(&self) -> Vec<Circle> {
        let mut circles: Vec<Circle> = Vec::new();
        for file in self.0.keys() {
            if circles.iter().any(|circle| circle.files.contains(file)) {
                continue;
            }
            let mut files = self.reached_from(file);
            if files.contains(file) {
                files.retain(|other| self.reached_from(other).contains(file));
                circles.push(self.circle(files));
            }
        }
        circles
    }

    fn circle(&self, files: BTreeSet<String>) -> Circle {
        let mut arrows = Vec::new();
        for from in &files {
            let targets = self.0[from].iter();
            for (to, names) in targets.filter(|(to, _)| files.contains(*to)) {
                arrows.push((from.clone(), to.clone(), names.clone()));
            }
        }
        Circle { files, arrows }
    }

    /// Returns all files that this one uses, directly or through others.
    fn reached_from(&self, file: &str) -> BTreeSet<String> {
        let mut reached = BTreeSet::new();
        let mut open = vec![file];
        while let Some(file) = open.pop() {
            for target in self.0.get(file).into_iter().flat_map(BTreeMap::keys) {
                if reached.insert(target.clone()) {
                    open.push(target);
                }
            }
        }
        reached
    }
}

impl fmt::Display for Circle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{} files use each other in a circle:", self.files.len())?;
        for (from, to, names) in &self.arrows {
            let names: Vec<&str> = names.iter().map(String::as_str).collect();
            writeln!(f, "  {from} -> {to}: {}", names.join(", "))?;
        }
        Ok(())
    }
}
