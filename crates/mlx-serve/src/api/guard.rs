//! Who may ask.

use std::sync::Arc;

use axum::extract::{MatchedPath, Request, State};
use axum::http::{HeaderMap, HeaderValue, Method, StatusCode, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use subtle::ConstantTimeEq;
use tower_http::cors::{AllowOrigin, Any, CorsLayer};

use super::{House, refusal};
use crate::fault::Fault;

/// What all may ask, so that the page can be opened and a supervisor need not hold a key.
const OPEN: [&str; 2] = ["/", "/health"];

/// Lets a request pass that has a key and comes from no strange page, and counts it.
pub(super) async fn guard(State(house): State<Arc<House>>, request: Request, next: Next) -> Response {
    let route = request.extensions().get::<MatchedPath>().map(|path| path.as_str().to_owned());
    let path = request.uri().path().to_owned();
    let refused = check_origin(request.headers(), &house.options.allowed_origins).err().or_else(|| {
        let open = OPEN.contains(&path.as_str()) || request.method() == Method::OPTIONS;
        if open { None } else { check_key(request.headers(), &house.options.api_keys).err() }
    });
    let response = match refused {
        Some(fault) => fault.into_response(),
        None => next.run(request).await,
    };
    let response = refusal::dressed(response, &path);
    house.metrics.request(route.as_deref().unwrap_or("unknown"), response.status().as_u16());
    response
}

/// Whether a request has one of the keys, if there are any.
fn check_key(headers: &HeaderMap, keys: &[String]) -> Result<(), Fault> {
    if keys.is_empty() {
        return Ok(());
    }
    let text = |name| headers.get(name).and_then(|value: &HeaderValue| value.to_str().ok());
    let bearer = text(header::AUTHORIZATION).and_then(|value| value.strip_prefix("Bearer "));
    let given = bearer.or_else(|| headers.get("x-api-key")?.to_str().ok()).map(str::trim);
    let Some(given) = given else {
        let message = "a key is needed: send `Authorization: Bearer KEY` or `x-api-key: KEY`";
        return Err(Fault::new(StatusCode::UNAUTHORIZED, message).code("missing_api_key"));
    };
    // All are compared, so that the time tells nothing.
    let known = keys.iter().map(|key| key.as_bytes().ct_eq(given.as_bytes()));
    if known.fold(false, |known, equal| known | bool::from(equal)) {
        return Ok(());
    }
    Err(Fault::new(StatusCode::UNAUTHORIZED, "the key is not known").code("invalid_api_key"))
}

/// Refuses pages of other origins, which a browser would let write to a server on its own machine, and names of other
/// machines, which a page could point at it.
fn check_origin(headers: &HeaderMap, allowed: &[String]) -> Result<(), Fault> {
    let text = |name| headers.get(name).and_then(|value: &HeaderValue| value.to_str().ok());
    let Some(origin) = text(header::ORIGIN) else { return Ok(()) };
    let own = text(header::HOST).is_some_and(|host| {
        origin.strip_prefix("http://").or_else(|| origin.strip_prefix("https://")) == Some(host)
    });
    if own || allowed.iter().any(|one| one == "*" || one == origin) {
        return Ok(());
    }
    let message = format!("pages of {origin} may not ask: allow them by --allowed-origins");
    Err(Fault::new(StatusCode::FORBIDDEN, message))
}

/// Tells browsers which pages may ask.
pub(super) fn origins(allowed: &[String]) -> CorsLayer {
    let layer =
        CorsLayer::new().allow_methods([Method::DELETE, Method::GET, Method::POST]).allow_headers(Any);
    if allowed.iter().any(|origin| origin == "*") {
        return layer.allow_origin(Any);
    }
    let origins = allowed.iter().filter_map(|origin| HeaderValue::from_str(origin).ok());
    layer.allow_origin(AllowOrigin::list(origins))
}
