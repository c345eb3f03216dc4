//! The parts of a request that handlers read: the query, the id in the path, the version.

use std::collections::BTreeMap;

use axum::{
    extract::{FromRequestParts, Path, Query},
    http::request::Parts,
};

use super::{error::ApiError, version::ApiVersion};

/// The query of a request. Of a repeated parameter the first counts, as in Go.
#[derive(Debug, Default)]
pub(super) struct Parameters(BTreeMap<String, String>);

impl Parameters {
    /// A parameter's text; empty if it is absent.
    pub(super) fn text(&self, name: &str) -> &str {
        self.0.get(name).map_or("", String::as_str)
    }

    /// All of them.
    pub(super) fn all(&self) -> impl Iterator<Item = (&str, &str)> {
        let all = self.0.iter();
        all.map(|(name, text)| (name.as_str(), text.as_str()))
    }

    /// A parameter's text, unless it is absent or empty.
    pub(super) fn non_empty(&self, name: &str) -> Option<&str> {
        Some(self.text(name)).filter(|text| !text.is_empty())
    }

    /// A yes or no, as Docker reads it: absent, `0`, `no`, `false` and `none` are no.
    pub(super) fn flag(&self, name: &str) -> bool {
        let text = self.text(name).trim().to_ascii_lowercase();
        !matches!(text.as_str(), "" | "0" | "no" | "false" | "none")
    }

    /// A number that may be absent.
    pub(super) fn number(&self, name: &str) -> Result<Option<u64>, ApiError> {
        self.non_empty(name)
            .map(|text| {
                text.parse().map_err(|_| {
                    ApiError::Bad(format!("{name} must be a whole number, not {text:?}"))
                })
            })
            .transpose()
    }

    /// The version that a change was made from, with Docker's words where it is none.
    pub(super) fn version(&self, kind: &str) -> Result<u64, ApiError> {
        let text = self.text("version");
        let is_number = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
        let problem = if is_number {
            "value out of range"
        } else {
            "invalid syntax"
        };
        text.parse().ok().filter(|_| is_number).ok_or_else(|| {
            ApiError::Bad(format!(
                "invalid {kind} version '{text}': strconv.ParseUint: parsing {text:?}: {problem}"
            ))
        })
    }
}

impl<S: Sync> FromRequestParts<S> for Parameters {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, ApiError> {
        let Query(pairs) = Query::<Vec<(String, String)>>::try_from_uri(&parts.uri)
            .map_err(|error| ApiError::Bad(format!("the query can't be read: {error}")))?;
        let mut parameters = BTreeMap::new();
        for (name, value) in pairs {
            parameters.entry(name).or_insert(value);
        }
        Ok(Self(parameters))
    }
}

/// The id or name in a path.
#[derive(Debug)]
pub(super) struct Id(pub(super) String);

impl<S: Send + Sync> FromRequestParts<S> for Id {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, ApiError> {
        Path::<String>::from_request_parts(parts, state)
            .await
            .map(|Path(id)| Self(id))
            .map_err(|error| ApiError::Bad(format!("the path can't be read: {error}")))
    }
}

/// The version of the API that the client speaks.
#[derive(Clone, Copy, Debug)]
pub(super) struct Spoken(pub(super) ApiVersion);

impl<S: Sync> FromRequestParts<S> for Spoken {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, ApiError> {
        Ok(Self(parts.extensions.get().copied().unwrap_or_default()))
    }
}

#[cfg(test)]
pub(super) fn parameters(pairs: &[(&str, &str)]) -> Parameters {
    let own = |(name, value): &(&str, &str)| ((*name).to_owned(), (*value).to_owned());
    Parameters(pairs.iter().map(own).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn flags_are_read_as_docker_reads_them() {
        for (text, expected) in [("1", true), ("true", true), ("x", true), ("0", false)] {
            assert_eq!(parameters(&[("f", text)]).flag("f"), expected, "{text}");
        }
        for text in ["", "False", " no ", "none"] {
            assert!(!parameters(&[("f", text)]).flag("f"), "{text}");
        }
        assert!(!parameters(&[]).flag("f"));
    }

    #[test]
    fn a_bad_version_is_refused_in_dockers_words() {
        let message = |text| {
            let error = parameters(&[("version", text)])
                .version("service")
                .unwrap_err();
            error.to_string()
        };
        assert_eq!(
            message("abc"),
            "invalid service version 'abc': strconv.ParseUint: parsing \"abc\": invalid syntax"
        );
        assert!(message("99999999999999999999").ends_with("value out of range"));
        assert!(message("+1").ends_with("invalid syntax"));
        assert_eq!(parameters(&[("version", "7")]).version("node").unwrap(), 7);
    }
}
