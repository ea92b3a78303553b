//! Where a host's API is, and what opens it.

use crate::http::{Request, request};

#[derive(Debug, Clone)]
pub(crate) struct Api {
    pub(crate) url: String,
    pub(crate) token: Option<String>,
}

impl Api {
    /// A request to it, with the token if it wants one.
    pub(crate) fn request(&self, method: &str, path: &str) -> Request {
        let request = request(method, format!("{}{path}", self.url));
        match &self.token {
            Some(token) => request.header("authorization", format!("Bearer {token}")),
            None => request,
        }
    }
}
