//! The URL of a host's API, and the token that opens it.

use crate::http::{Request, request};

#[derive(Debug, Clone)]
pub(crate) struct Api {
    pub(crate) url: String,
    pub(crate) token: Option<String>,
}

impl Api {
    /// Returns a request to the API, with the token if there is one.
    pub(crate) fn request(&self, method: &str, path: &str) -> Request {
        let request = request(method, format!("{}{path}", self.url));
        match &self.token {
            Some(token) => request.header("authorization", format!("Bearer {token}")),
            None => request,
        }
    }
}
