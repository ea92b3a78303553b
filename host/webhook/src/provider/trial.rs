//! Trials of a description by its test vectors.

use std::fmt;

use super::Provider;
use super::check::Tolerance;
use super::format::{Origin, Verdict};
use super::handshake::Unanswered;
use super::vector::Vector;
use crate::Rejected;

/// How far the time of a vector may be off if the description does not say so: the default of the host.
const TOLERANCE: Tolerance = Tolerance {
    own: None,
    usual: 300_000,
    most: u64::MAX,
};

/// The outcome of a vector.
#[derive(Debug, PartialEq, Eq)]
enum Outcome {
    Accepted,
    Rejected(Rejected),
    Answered {
        body: String,
        headers: Vec<(String, String)>,
    },
    Unanswerable,
}

impl Provider {
    /// Returns the number of the description's vectors, and the number of those that the provider's
    /// documentation prints.
    #[must_use]
    pub fn vectors(&self) -> (usize, usize) {
        let printed = self.vectors.iter();
        let printed = printed.filter(|vector| vector.origin == Origin::Page);
        (self.vectors.len(), printed.count())
    }

    /// Runs the vectors, and returns the failures: the line of each failed vector, and the outcome that
    /// it had instead.
    #[must_use]
    pub fn run_vectors(&self) -> Vec<(usize, String)> {
        let failed = self.vectors.iter().filter_map(|vector| {
            let why = self.run(vector).err()?;
            Some((vector.line, why))
        });
        failed.collect()
    }

    fn run(&self, vector: &Vector) -> Result<(), String> {
        let check = self.check(&vector.settings)?;
        let secrets: Vec<&[u8]> = vector
            .secrets
            .iter()
            .map(|secret| secret.as_bytes())
            .collect();
        let verify = || {
            let signatures = check.read_head(&vector.request, vector.time, TOLERANCE)?;
            check.verify(&signatures, &secrets, &vector.request)
        };
        let outcome = match check.probe(&vector.request) {
            Some(probe) => {
                let proven = if probe.is_signed() && self.signs() {
                    verify()
                } else {
                    Ok(())
                };
                let answer = proven.map_err(Unanswered::from);
                match answer.and_then(|()| probe.answer(&secrets)) {
                    Ok(response) => Outcome::answered(&response),
                    Err(Unanswered::Rejected(rejected)) => Outcome::Rejected(rejected),
                    Err(Unanswered::Unanswerable) => Outcome::Unanswerable,
                }
            }
            None if self.signs() => verify().map_or_else(Outcome::Rejected, |()| Outcome::Accepted),
            None => Outcome::Accepted,
        };
        if outcome.verdict() != vector.verdict {
            return Err(format!(
                "the vector's verdict is {:?}, but this is what came of it: {outcome}",
                vector.verdict
            ));
        }
        vector.check_answer(&outcome)?;
        let found = check.repeat(&vector.request).map(|repeat| repeat.values);
        match &vector.key {
            Some(key) if found.as_ref() != Some(key) => Err(format!(
                "the vector's key is {key:?}, but the places of [repeat] gave {found:?}"
            )),
            _ => Ok(()),
        }
    }
}

impl Vector {
    fn check_answer(&self, outcome: &Outcome) -> Result<(), String> {
        let Outcome::Answered { body, headers } = outcome else {
            return Ok(());
        };
        if let Some(expected) = self.answer.as_ref().filter(|expected| *expected != body) {
            return Err(format!(
                "the vector's answer is {expected:?}, but the answer is {body:?}"
            ));
        }
        for (name, value) in &self.answer_headers {
            let mut given = headers.iter();
            let given = given.find(|(given, _)| given.eq_ignore_ascii_case(name));
            let given = given.map(|(_, value)| value);
            if given != Some(value) {
                return Err(format!(
                    "the vector's answer has the header {name}: {value:?}, but the answer has {given:?}"
                ));
            }
        }
        Ok(())
    }
}

impl Outcome {
    fn answered(response: &dormouse_journal::Response) -> Self {
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        let headers = response.headers.iter();
        Outcome::Answered {
            body: text(&response.body),
            headers: headers
                .map(|(name, value)| (name.clone(), text(value)))
                .collect(),
        }
    }

    fn verdict(&self) -> Verdict {
        match self {
            Outcome::Accepted => Verdict::Accepted,
            Outcome::Rejected(Rejected::Missing) => Verdict::SignatureMissing,
            Outcome::Rejected(Rejected::Malformed) => Verdict::SignatureMalformed,
            Outcome::Rejected(Rejected::Stale) => Verdict::SignatureStale,
            Outcome::Rejected(Rejected::Wrong) => Verdict::SignatureWrong,
            Outcome::Rejected(Rejected::Unverifiable) => Verdict::SignatureUnverifiable,
            Outcome::Answered { .. } => Verdict::Answered,
            Outcome::Unanswerable => Verdict::Unanswerable,
        }
    }
}

impl fmt::Display for Outcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Outcome::Accepted => write!(f, "it was accepted"),
            Outcome::Rejected(rejected) => write!(f, "{} ({rejected})", rejected.as_str()),
            Outcome::Answered { body, .. } => {
                write!(f, "it was answered as a probe, with {body:?}")
            }
            Outcome::Unanswerable => write!(f, "unanswerable"),
        }
    }
}
