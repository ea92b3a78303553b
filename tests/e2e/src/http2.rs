//! HTTP/2 with prior knowledge: several requests at once on one connection.

use std::convert::Infallible;
use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::Bytes;
use http_body_util::{BodyExt, Full};
use hyper::body::{Body, Frame};
use hyper::client::conn::http2::{SendRequest, handshake};
use hyper_util::rt::{TokioExecutor, TokioIo};
use tokio::net::TcpStream;

use crate::http::Answer;
use crate::raw::split;

/// A request: a method, a URL, headers and a body.
pub type Asked<'a> = (&'a str, &'a str, Vec<(&'a str, String)>, Vec<u8>);

/// Sends requests to the authority of the first URL, all before the first answer, and returns the answers in order.
///
/// # Panics
/// If an answer does not come.
#[track_caller]
pub fn exchange(requests: Vec<Asked<'_>>) -> Vec<Answer> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    runtime.block_on(async {
        let mut sender = connect(requests[0].1).await;
        let mut answers = Vec::new();
        for request in requests {
            sender.ready().await.unwrap();
            answers.push(sender.send_request(build(request)));
        }
        let mut read = Vec::new();
        for answer in answers {
            let (parts, body) = answer.await.unwrap().into_parts();
            let headers = parts.headers.iter();
            let headers =
                headers.map(|(name, value)| (name.to_string(), value.as_bytes().to_owned()));
            read.push(Answer {
                status: parts.status.as_u16(),
                headers: headers.collect(),
                body: body.collect().await.unwrap().to_bytes().to_vec(),
            });
        }
        read
    })
}

/// Sends this many equal requests whose bodies never come, all on one connection. Returns the statuses of the answers that
/// come first, as many as are asked for.
///
/// # Panics
/// If fewer answers come.
#[track_caller]
pub fn without_bodies(
    count: usize,
    (url, headers): (&str, &[(String, String)]),
    answers: usize,
) -> Vec<u16> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    runtime.block_on(async {
        let mut sender = connect(url).await;
        let mut answered = tokio::task::JoinSet::new();
        for _ in 0..count {
            let mut request = hyper::Request::post(url);
            for (name, value) in headers {
                request = request.header(name, value);
            }
            sender.ready().await.unwrap();
            answered.spawn(sender.send_request(request.body(Never).unwrap()));
        }
        let mut statuses = Vec::new();
        while statuses.len() < answers {
            let answer = answered.join_next().await.unwrap().unwrap().unwrap();
            statuses.push(answer.status().as_u16());
        }
        statuses
    })
}

/// A body that never comes.
struct Never;

impl Body for Never {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        self: Pin<&mut Self>,
        _: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        Poll::Pending
    }
}

async fn connect<B>(url: &str) -> SendRequest<B>
where
    B: Body + Send + Unpin + 'static,
    B::Data: Send,
    B::Error: std::error::Error + Send + Sync,
{
    let stream = TcpStream::connect(split(url).0).await.unwrap();
    let (sender, connection) = handshake(TokioExecutor::new(), TokioIo::new(stream))
        .await
        .unwrap();
    tokio::spawn(connection);
    sender
}

fn build((method, url, headers, body): Asked<'_>) -> hyper::Request<Full<Bytes>> {
    let mut request = hyper::Request::builder().method(method).uri(url);
    for (name, value) in headers {
        request = request.header(name, value);
    }
    request.body(Full::new(body.into())).unwrap()
}
