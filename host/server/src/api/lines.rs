//! Answers in JSON lines: a line for each run as soon as it is done, and a last line with counts.

use axum::body::Body;
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use dormouse_api::{Acted, ActedRun, MoveResult, MovedRun, MovedRuns};
use futures::stream::{self, BoxStream, Stream, StreamExt};
use http::header::CONTENT_TYPE;
use serde::Serialize;

use crate::problem::Problem;

/// The media type of JSON lines.
const LINES: &str = "application/x-ndjson";

/// The last line of an answer.
pub(super) trait LastLine: Serialize + Send + 'static {
    /// The type of the other lines.
    type Line: Serialize + 'static;

    /// Counts a line.
    fn count(&mut self, line: &Self::Line);

    /// Notes the reason why the host could not continue.
    fn stop(&mut self, problem: &Problem);
}

impl LastLine for Acted {
    type Line = ActedRun;

    fn count(&mut self, run: &ActedRun) {
        match &run.code {
            None => self.done += 1,
            Some(_) => self.failed += 1,
        }
    }

    fn stop(&mut self, problem: &Problem) {
        self.code = Some(problem.code().into());
        self.detail = Some(problem.detail().into());
    }
}

impl LastLine for MovedRuns {
    type Line = MovedRun;

    fn count(&mut self, run: &MovedRun) {
        match run.result {
            MoveResult::Moved => self.moved += 1,
            MoveResult::Agrees => self.agree += 1,
            MoveResult::Differs => self.differ += 1,
            MoveResult::Skipped => self.skipped += 1,
        }
    }

    fn stop(&mut self, problem: &Problem) {
        self.code = Some(problem.code().into());
        self.detail = Some(problem.detail().into());
    }
}

/// The rest of an answer.
struct LineStream<L: LastLine> {
    results: BoxStream<'static, Result<L::Line, Problem>>,
    last: L,
    is_over: bool,
}

/// Returns an answer with these lines.
pub(super) fn lines<L: LastLine>(
    last: L,
    results: impl Stream<Item = Result<L::Line, Problem>> + Send + 'static,
) -> Response {
    let rest = LineStream {
        results: results.boxed(),
        last,
        is_over: false,
    };
    let lines = stream::unfold(rest, |mut rest| async move {
        if rest.is_over {
            return None;
        }
        let line = match rest.results.next().await {
            Some(Ok(done)) => {
                rest.last.count(&done);
                line(&done)
            }
            ended => {
                rest.is_over = true;
                if let Some(Err(problem)) = ended {
                    rest.last.stop(&problem);
                }
                line(&rest.last)
            }
        };
        Some((line, rest))
    });
    ([(CONTENT_TYPE, LINES)], Body::from_stream(lines)).into_response()
}

fn line(of: &impl Serialize) -> Result<Bytes, serde_json::Error> {
    let mut line = serde_json::to_vec(of)?;
    line.push(b'\n');
    Ok(line.into())
}
