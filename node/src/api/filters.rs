//! Docker's `filters` parameter: JSON, as a map of maps (new clients) or of lists (old ones).
//!
//! Values of one key are alternatives (for labels: all must hold); keys must all hold.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use super::{error::ApiError, query::Parameters};

/// What a list is narrowed to.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Filters(BTreeMap<String, BTreeSet<String>>);

impl Filters {
    /// Reads the `filters` of a request; only these keys are possible.
    pub(super) fn read(parameters: &Parameters, known: &[&str]) -> Result<Self, ApiError> {
        let filters = match parameters.non_empty("filters") {
            Some(text) => Self::parse(text)?,
            None => Self::default(),
        };
        match filters.0.keys().find(|key| !known.contains(&key.as_str())) {
            Some(unknown) => Err(ApiError::Filter(unknown.clone())),
            None => Ok(filters),
        }
    }

    fn parse(text: &str) -> Result<Self, ApiError> {
        let bad = |why: &str| ApiError::Bad(format!("the filters can't be read: {why}"));
        let keys: BTreeMap<String, Value> =
            serde_json::from_str(text).map_err(|error| bad(&error.to_string()))?;
        let mut filters = BTreeMap::new();
        for (key, values) in keys {
            let values = match values {
                Value::Object(map) => map.into_iter().map(|(value, _)| value).collect(),
                Value::Array(list) => strings(list).ok_or_else(|| bad("a value is no text"))?,
                _ => return Err(bad("a filter is neither a map nor a list")),
            };
            filters.insert(key, values);
        }
        Ok(Self(filters))
    }

    /// The values of a key. None: the list is not narrowed by it.
    pub(super) fn values(&self, key: &str) -> Option<&BTreeSet<String>> {
        self.0.get(key).filter(|values| !values.is_empty())
    }

    /// Whether the key is absent, or one of its values is accepted.
    pub(super) fn any(&self, key: &str, accepts: impl FnMut(&String) -> bool) -> bool {
        self.values(key)
            .is_none_or(|values| values.iter().any(accepts))
    }

    /// Whether all values of a key (`NAME` or `NAME=VALUE`) hold of these labels.
    pub(super) fn labels(&self, key: &str, labels: &BTreeMap<String, String>) -> bool {
        self.values(key).is_none_or(|values| {
            values.iter().all(|wanted| match wanted.split_once('=') {
                Some((name, value)) => labels.get(name).is_some_and(|label| label == value),
                None => labels.contains_key(wanted),
            })
        })
    }

    /// A yes or no, as a filter. None: the list is not narrowed by it.
    pub(super) fn flag(&self, key: &str) -> Result<Option<bool>, ApiError> {
        let Some(values) = self.values(key) else {
            return Ok(None);
        };
        let is_yes = |text: &str| matches!(text, "1" | "true" | "True" | "TRUE" | "t" | "T");
        let is_no = |text: &str| matches!(text, "0" | "false" | "False" | "FALSE" | "f" | "F");
        match values.iter().map(String::as_str).collect::<Vec<_>>()[..] {
            [text] if is_yes(text) => Ok(Some(true)),
            [text] if is_no(text) => Ok(Some(false)),
            _ => Err(ApiError::Filter(key.to_owned())),
        }
    }
}

fn strings(list: Vec<Value>) -> Option<BTreeSet<String>> {
    list.into_iter()
        .map(|value| match value {
            Value::String(text) => Some(text),
            _ => None,
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::{super::query::parameters, *};

    fn read(text: &str) -> Result<Filters, ApiError> {
        Filters::read(&parameters(&[("filters", text)]), &["name", "label"])
    }

    #[test]
    fn both_forms_mean_the_same() {
        let map = read(r#"{"name":{"a":true,"b":false},"label":{}}"#).unwrap();
        let list = read(r#"{"name":["a","b"],"label":[]}"#).unwrap();
        assert_eq!(map, list);
        assert!(map.any("name", |value| value == "b"));
        assert!(!map.any("name", |value| value == "c"));
        assert!(
            map.any("label", |_| false),
            "an empty filter narrows nothing"
        );
    }

    #[test]
    fn all_labels_must_hold() {
        let labels = BTreeMap::from([("a".into(), "1".into()), ("b".into(), String::new())]);
        for (text, expected) in [
            (r#"["a"]"#, true),
            (r#"["a=1","b"]"#, true),
            (r#"["a=1","c"]"#, false),
            (r#"["a=2"]"#, false),
            (r#"["b="]"#, true),
        ] {
            let filters = read(&format!("{{\"label\":{text}}}")).unwrap();
            assert_eq!(filters.labels("label", &labels), expected, "{text}");
        }
    }

    #[test]
    fn unknown_keys_and_other_shapes_are_refused() {
        let error = read(r#"{"bogus":["1"]}"#).unwrap_err();
        assert_eq!(error.to_string(), "Invalid filter 'bogus'");
        for bad in [
            "bad",
            "[]",
            r#"{"name":1}"#,
            r#"{"name":[1]}"#,
            r#"{"name":"#,
        ] {
            assert!(matches!(read(bad), Err(ApiError::Bad(_))), "{bad}");
        }
    }

    proptest! {
        #[test]
        fn no_text_makes_it_panic(text in ".{0,200}") {
            let _ = read(&text);
        }

        #[test]
        fn any_values_are_read_in_both_forms(values in prop::collection::btree_set(".{0,20}", 0..8)) {
            let list = serde_json::json!({ "name": values }).to_string();
            let as_map: BTreeMap<_, _> = values.iter().map(|value| (value, true)).collect();
            let map = serde_json::json!({ "name": as_map }).to_string();
            prop_assert_eq!(read(&list).unwrap(), read(&map).unwrap());
        }
    }
}
