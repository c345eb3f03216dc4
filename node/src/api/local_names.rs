//! Answers of the engine in which networks of services are called as everybody calls them: on the engine each has a
//! name and an id of its own.

use axum::{
    body::{Body, Bytes},
    extract::{Request, State},
    http::{Uri, header},
    response::Response,
};
use futures_util::{StreamExt, stream};
use serde_json::Value;

use super::{error::ApiError, handle::Handle, passing, query::Parameters};

/// Longer answers are passed on as they are.
const BYTES_MAX: usize = 16 << 20;

/// What an engine calls networks, and what everybody does.
#[derive(Default)]
pub(super) struct LocalNames(Vec<Called>);

struct Called {
    local: String,
    local_id: String,
    name: String,
    id: String,
}

impl LocalNames {
    /// Those of this node.
    pub(super) fn of(handle: &Handle) -> Self {
        let local = handle.engine.networks();
        let view = handle.view.borrow();
        let called = local.networks.values().filter_map(|network| {
            Some(Called {
                local: network.name.clone(),
                local_id: network.engine_id.clone(),
                name: view.networks.get(&network.id)?.spec.name.clone(),
                id: network.id.to_string(),
            })
        });
        Self(called.collect())
    }

    /// An answer with the names that everybody uses. Nothing else of it changes, not even the order.
    fn told(&self, answer: &[u8]) -> Option<String> {
        let mut text = std::str::from_utf8(answer).ok()?.to_owned();
        for one in &self.0 {
            let pairs = [(&one.local, &one.name), (&one.local_id, &one.id)];
            // An engine that gives no id would have every empty text replaced.
            for (local, common) in pairs.into_iter().filter(|(local, _)| !local.is_empty()) {
                let (local, common) = (Value::from(local.as_str()), Value::from(common.as_str()));
                text = text.replace(&local.to_string(), &common.to_string());
            }
        }
        Some(text)
    }

    /// The engine's name for a network that goes by this name, or this id.
    fn local(&self, name: &str) -> Option<&str> {
        let mut all = self.0.iter();
        let found = all.find(|one| one.name == name || one.id == name)?;
        Some(&found.local)
    }

    /// The query of a list of containers, in the engine's words. None: it names none of these.
    fn asked(&self, uri: &Uri, parameters: &Parameters) -> Option<Uri> {
        let mut filters: Value = serde_json::from_str(parameters.non_empty("filters")?).ok()?;
        let by_network = filters.get_mut("network")?;
        let rename = |name: &String| self.local(name).map_or(name.clone(), str::to_owned);
        match by_network {
            Value::Object(names) => {
                let all = std::mem::take(names).into_iter();
                *names = all.map(|(name, is_set)| (rename(&name), is_set)).collect();
            }
            Value::Array(names) => {
                for name in names.iter_mut() {
                    if let Value::String(text) = name {
                        *text = rename(text);
                    }
                }
            }
            _ => return None,
        }
        let mut query = form_urlencoded::Serializer::new(String::new());
        for (name, value) in parameters.all() {
            match name {
                "filters" => query.append_pair(name, &filters.to_string()),
                _ => query.append_pair(name, value),
            };
        }
        format!("{}?{}", uri.path(), query.finish()).parse().ok()
    }
}

/// `GET /containers/json`
pub(super) async fn list(
    State(handle): State<Handle>,
    parameters: Parameters,
    mut request: Request,
) -> Result<Response, ApiError> {
    let names = LocalNames::of(&handle);
    if let Some(asked) = names.asked(request.uri(), &parameters) {
        *request.uri_mut() = asked;
    }
    let answer = passing::forward(&handle, request).await?;
    Ok(translated(&names, answer).await)
}

/// `GET /containers/{id}/json`
pub(super) async fn inspect(
    State(handle): State<Handle>,
    request: Request,
) -> Result<Response, ApiError> {
    let answer = passing::forward(&handle, request).await?;
    // Made since then, perhaps.
    let names = LocalNames::of(&handle);
    Ok(translated(&names, answer).await)
}

async fn translated(names: &LocalNames, answer: Response) -> Response {
    if names.0.is_empty() || !answer.status().is_success() {
        return answer;
    }
    let (mut head, body) = answer.into_parts();
    let body = match gathered(body).await {
        Gathered::Whole(bytes) => match names.told(&bytes) {
            Some(text) => {
                head.headers.remove(header::CONTENT_LENGTH);
                head.headers.remove(header::TRANSFER_ENCODING);
                text.into()
            }
            None => bytes.into(),
        },
        Gathered::Longer(body) => body,
    };
    Response::from_parts(head, body)
}

enum Gathered {
    Whole(Bytes),
    /// Too long, or it broke off.
    Longer(Body),
}

async fn gathered(body: Body) -> Gathered {
    let mut rest = body.into_data_stream();
    let (mut chunks, mut length) = (Vec::new(), 0);
    while let Some(chunk) = rest.next().await {
        let is_fine = chunk.is_ok();
        length += chunk.as_ref().map_or(0, Bytes::len);
        chunks.push(chunk);
        if !is_fine || length > BYTES_MAX {
            return Gathered::Longer(Body::from_stream(stream::iter(chunks).chain(rest)));
        }
    }
    let whole: Vec<u8> = chunks.into_iter().flatten().flatten().collect();
    Gathered::Whole(whole.into())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::api::query::parameters;

    fn names() -> LocalNames {
        LocalNames(vec![Called {
            local: "app_back.0123456789".into(),
            local_id: "f00d".into(),
            name: "app_back".into(),
            id: "5pxtkzqhd5jk6mqqi7ocqjd0a".into(),
        }])
    }

    #[test]
    fn networks_are_called_as_everybody_does_and_nothing_else_changes() {
        let answer = r#"{"HostConfig":{"NetworkMode":"app_back.0123456789"}, "Cmd":["ping","app_back.0123456789.x"],
            "NetworkSettings":{"Networks":{"app_back.0123456789":{"NetworkID":"f00d","EndpointID":"f00d1"}}}}"#;
        let expected = r#"{"HostConfig":{"NetworkMode":"app_back"}, "Cmd":["ping","app_back.0123456789.x"],
            "NetworkSettings":{"Networks":{"app_back":{"NetworkID":"5pxtkzqhd5jk6mqqi7ocqjd0a","EndpointID":"f00d1"}}}}"#;
        assert_eq!(names().told(answer.as_bytes()).unwrap(), expected);
        assert_eq!(names().told(b"\xff"), None);
        let mut without = names();
        without.0[0].local_id.clear();
        assert_eq!(without.told(br#"{"Path":""}"#).unwrap(), r#"{"Path":""}"#);
    }

    #[test]
    fn a_list_of_those_on_a_network_is_asked_for_in_the_engines_words() {
        let asked = |filters: &str| {
            let parameters = parameters(&[("all", "1"), ("filters", filters)]);
            let uri = "/containers/json?x".parse().unwrap();
            let asked = names().asked(&uri, &parameters)?;
            let query = form_urlencoded::parse(asked.query()?.as_bytes());
            Some(query.into_owned().collect::<Vec<_>>())
        };
        for (given, passed) in [
            (
                json!({"network": {"app_back": true, "other": true}, "name": {"a": true}}),
                json!({"network": {"app_back.0123456789": true, "other": true}, "name": {"a": true}}),
            ),
            (
                json!({"network": ["5pxtkzqhd5jk6mqqi7ocqjd0a", 7]}),
                json!({"network": ["app_back.0123456789", 7]}),
            ),
        ] {
            let query = asked(&given.to_string()).unwrap();
            assert_eq!(query[0], ("all".to_owned(), "1".to_owned()));
            assert_eq!(query[1], ("filters".to_owned(), passed.to_string()));
        }
        for other in ["{", "[]", "{}", r#"{"network":"app_back"}"#, ""] {
            assert_eq!(asked(other), None, "{other}");
        }
    }

    #[tokio::test]
    async fn an_answer_that_is_too_long_is_passed_on_whole() {
        let body = || Body::from(vec![b'x'; BYTES_MAX + 1]);
        let Gathered::Longer(rest) = gathered(body()).await else {
            unreachable!("it is too long");
        };
        let passed = axum::body::to_bytes(rest, usize::MAX).await.unwrap();
        assert_eq!(passed.len(), BYTES_MAX + 1);
        let whole = gathered(Body::from("short")).await;
        assert!(matches!(whole, Gathered::Whole(bytes) if bytes == "short"));
    }
}
