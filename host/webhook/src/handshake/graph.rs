//! Microsoft Graph's validation of a notification URL: a POST without a body and with `validationToken` in the query.
//! The token is opaque, and comes back decoded. See
//! <https://learn.microsoft.com/en-us/graph/change-notifications-delivery-webhooks>.

use dormouse_journal::Request;

use super::query::parameter;

pub(super) fn challenge(request: &Request) -> Option<String> {
    let token = parameter(request, "validationToken")?;
    request.body.is_empty().then_some(token)
}
