//! The provider's HTTP server: the API that the shop calls with its key, and the page on which the customer
//! pays.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use axum::extract::{Path, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use axum::routing::post;
use axum::{Json, Router};
use serde_json::json;

use crate::events::{self, Decision};
use crate::intents::{Intent, Intents, Refused, Status, Wanted};

/// The provider. Clones share the same state.
#[derive(Clone)]
pub(crate) struct Provider(Arc<Inner>);

struct Inner {
    url: String,
    api_key: String,
    signing_secret: String,
    intents: Mutex<Intents>,
}

impl Provider {
    pub(crate) fn new(url: String, api_key: String, signing_secret: String) -> Self {
        Provider(Arc::new(Inner {
            url,
            api_key,
            signing_secret,
            intents: Mutex::default(),
        }))
    }

    fn intents(&self) -> MutexGuard<'_, Intents> {
        self.0
            .intents
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }

    fn check_key(&self, headers: &HeaderMap) -> Result<(), Error> {
        let expected = format!("Bearer {}", self.0.api_key);
        if text(headers, "authorization") == Some(&expected) {
            return Ok(());
        }
        println!("a request with another API key: 401");
        Err(Error(
            StatusCode::UNAUTHORIZED,
            "this is not the API key".into(),
        ))
    }
}

pub(crate) fn router(provider: Provider) -> Router {
    Router::new()
        .route("/v1/payment_intents", post(create))
        .route("/v1/payment_intents/{id}/cancel", post(cancel))
        .route("/pay/{id}", post(pay))
        .route("/pay/{id}/decline", post(decline))
        .with_state(provider)
}

async fn create(
    State(provider): State<Provider>,
    headers: HeaderMap,
    Json(wanted): Json<Wanted>,
) -> Result<Json<Intent>, Error> {
    provider.check_key(&headers)?;
    let key = text(&headers, "idempotency-key").ok_or_else(|| {
        Error(
            StatusCode::BAD_REQUEST,
            "there is no Idempotency-Key".into(),
        )
    })?;
    let (intent, is_new) = provider
        .intents()
        .create(key.to_owned(), wanted, &provider.0.url)?;
    let (id, amount, currency) = (&intent.id, intent.amount, &intent.currency);
    let again = if is_new { "" } else { " again" };
    println!("{id}: asked{again} for {amount} {currency}");
    Ok(Json(intent))
}

async fn cancel(
    State(provider): State<Provider>,
    headers: HeaderMap,
    Path(id): Path<String>,
) -> Result<Json<Intent>, Error> {
    provider.check_key(&headers)?;
    let intent = provider.intents().decide(&id, Status::Canceled)?;
    println!("{id}: cancelled");
    Ok(Json(intent))
}

async fn pay(provider: State<Provider>, id: Path<String>) -> Result<Json<Intent>, Error> {
    take_payment(&provider, &id, Decision::Succeeded)
}

async fn decline(provider: State<Provider>, id: Path<String>) -> Result<Json<Intent>, Error> {
    take_payment(&provider, &id, Decision::Failed)
}

/// Takes the customer's decision. The shop learns the rest from events.
fn take_payment(provider: &Provider, id: &str, decision: Decision) -> Result<Json<Intent>, Error> {
    let intent = provider.intents().decide(id, Status::Processing)?;
    println!("{id}: the customer is done, and the bank will say: {decision:?}");
    let (told, secret) = (intent.clone(), provider.0.signing_secret.clone());
    std::thread::spawn(move || events::send_all(&told, decision, &secret));
    Ok(Json(intent))
}

fn text<'a>(headers: &'a HeaderMap, name: &str) -> Option<&'a str> {
    headers.get(name)?.to_str().ok()
}

/// A status, and a message that says what is wrong.
struct Error(StatusCode, String);

impl From<Refused> for Error {
    fn from(refused: Refused) -> Self {
        match refused {
            Refused::Unknown => Error(StatusCode::NOT_FOUND, "there is no such payment".into()),
            Refused::OtherRequest => Error(
                StatusCode::BAD_REQUEST,
                "this Idempotency-Key was used for another request".into(),
            ),
            Refused::Status(status) => Error(
                StatusCode::BAD_REQUEST,
                format!("the payment's status is {status:?}, and this is too late"),
            ),
        }
    }
}

impl IntoResponse for Error {
    fn into_response(self) -> Response {
        let body = json!({ "error": { "message": self.1 } });
        (self.0, Json(body)).into_response()
    }
}
