//! HTTP/2 with prior knowledge: several requests at once on one connection.

use bytes::Bytes;
use http_body_util::{BodyExt, Full};
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

async fn connect(url: &str) -> SendRequest<Full<Bytes>> {
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
