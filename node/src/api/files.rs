//! `/secrets` and `/configs`. A secret's value is encrypted here, before it goes anywhere; it never comes back.

use axum::{
    extract::State,
    http::StatusCode,
    response::{IntoResponse, Response},
};
use base64::{Engine as _, engine::general_purpose::STANDARD as BASE64};
use rand::TryRng;
use serde::Deserialize;
use serde_json::{Value, json};
use shoal_scheduler::{
    order::{NewFile, Order, OrderError},
    placement::keepers,
    spec::{FileKind, FileSpec},
    task::FileId,
    view::{ClusterView, FileView},
};
use zeroize::Zeroizing;

use super::{
    body::{self, RawText},
    date::rfc3339,
    error::ApiError,
    filters::Filters,
    handle::Handle,
    lookup::{self, Purpose},
    orders::{Concern, carry_out, receipt_headers, until_seen},
    query::{Id, Parameters},
};
use crate::vault;

const FILTERS: [&str; 4] = ["id", "name", "names", "label"];

/// What clients send: the spec, and with it the value.
struct Sent {
    spec: FileSpec,
    data: Zeroizing<String>,
}

#[derive(Deserialize)]
struct Data {
    #[serde(rename = "Data", default)]
    data: Option<String>,
}

impl Sent {
    fn read(kind: FileKind, text: &str) -> Result<Self, ApiError> {
        // The words of the parser could quote what is in there.
        let bad = |error: serde_json::Error| {
            let (line, column) = (error.line(), error.column());
            ApiError::Bad(format!(
                "the {kind} can't be read: it is not JSON of the right form at line {line}, column {column}"
            ))
        };
        let Data { data } = serde_json::from_str(text).map_err(bad)?;
        Ok(Self {
            data: Zeroizing::new(data.unwrap_or_default()),
            spec: serde_json::from_str(text).map_err(bad)?,
        })
    }

    /// The value. None: none was sent.
    fn value(&self, kind: FileKind) -> Result<Option<Zeroizing<Vec<u8>>>, ApiError> {
        if self.data.is_empty() {
            return Ok(None);
        }
        let value = BASE64.decode(self.data.as_bytes());
        let value = value.map_err(|_| ApiError::Bad(format!("the {kind}'s Data is not base64")))?;
        Ok(Some(Zeroizing::new(value)))
    }
}

fn all(view: &ClusterView, kind: FileKind) -> &std::collections::BTreeMap<FileId, FileView> {
    match kind {
        FileKind::Secret => &view.secrets,
        FileKind::Config => &view.configs,
    }
}

fn object(kind: FileKind, file: &FileView) -> Value {
    let mut spec = json!({ "Name": file.spec.name, "Labels": file.spec.labels });
    if let Some(templating) = &file.spec.templating {
        spec["Templating"] = json!(templating);
    }
    if let (FileKind::Config, Some(contents)) = (kind, &file.contents) {
        spec["Data"] = json!(BASE64.encode(contents.bytes()));
    }
    json!({
        "ID": file.id.to_string(),
        "Version": { "Index": file.version },
        "CreatedAt": rfc3339(file.created_at),
        "UpdatedAt": rfc3339(file.updated_at),
        "Spec": spec,
    })
}

fn list(kind: FileKind, handle: &Handle, parameters: &Parameters) -> Result<Response, ApiError> {
    let filters = Filters::read(parameters, &FILTERS)?;
    let view = handle.view.borrow().clone();
    let matches = |file: &&FileView| {
        let (id, name) = (file.id.to_string(), &file.spec.name);
        filters.any("id", |wanted| id.starts_with(wanted.as_str()))
            && filters.any("name", |wanted| name.starts_with(wanted.as_str()))
            && filters.any("names", |wanted| name == wanted)
            && filters.labels("label", &file.spec.labels)
    };
    let files = all(&view, kind).values().filter(matches);
    let files: Vec<Value> = files.map(|file| object(kind, file)).collect();
    body::json(&files)
}

fn inspect(kind: FileKind, handle: &Handle, id: &str) -> Result<Response, ApiError> {
    let view = handle.view.borrow().clone();
    let file = lookup::file(&view, kind, id, Purpose::Read)?;
    let mut object = object(kind, file);
    if kind == FileKind::Secret {
        // Ours: who may open it.
        let readers = file.readers.iter().map(ToString::to_string);
        object["Readers"] = json!(readers.collect::<Vec<_>>());
    }
    body::json(&object)
}

async fn create(
    kind: FileKind,
    handle: &Handle,
    concern: Concern,
    text: String,
) -> Result<Response, ApiError> {
    let text = Zeroizing::new(text);
    let sent = Sent::read(kind, &text)?;
    sent.spec.validate().map_err(OrderError::from)?;
    let value = sent.value(kind)?.unwrap_or_default();
    let limit = kind.bytes_max();
    if value.is_empty() || value.len() > limit {
        return Err(ApiError::Bad(format!(
            "rpc error: code = InvalidArgument desc = {kind} data must be larger than 0 and less than {} bytes",
            limit + 1
        )));
    }
    let new = match kind {
        FileKind::Config => NewFile {
            kind,
            id: new_id()?,
            spec: sent.spec,
            contents: value.to_vec().into(),
            digest: String::new(),
            sealed: Vec::new(),
        },
        FileKind::Secret => encrypted(handle, sent.spec, value).await?,
    };
    let id = new.id;
    let receipt = carry_out(handle, Order::CreateFile(Box::new(new)), concern).await?;
    until_seen(handle, |view| all(view, kind).contains_key(&id)).await;
    let answer = body::json(&json!({ "ID": receipt.id }))?;
    Ok((StatusCode::CREATED, receipt_headers(&receipt), answer).into_response())
}

/// To be opened by this node, and by those that keep it until a service needs it.
async fn encrypted(
    handle: &Handle,
    spec: FileSpec,
    value: Zeroizing<Vec<u8>>,
) -> Result<NewFile, ApiError> {
    let id = new_id()?;
    let view = handle.view.borrow().clone();
    let mut readers = keepers(id, view.nodes.keys().copied());
    if !readers.contains(&view.this_node) {
        readers.push(view.this_node);
    }
    let readers = readers.iter().filter_map(|id| view.nodes.get(id));
    let readers: Vec<_> = readers.map(|node| (node.id, node.key)).collect();
    let sealed = tokio::task::spawn_blocking(move || vault::encrypt(id, &value, &readers));
    let sealed = sealed.await.map_err(|_| ApiError::Stopping)?;
    let sealed = sealed.map_err(|error| ApiError::Unavailable(error.to_string()))?;
    Ok(NewFile {
        kind: FileKind::Secret,
        id,
        spec,
        contents: sealed.contents.into(),
        digest: sealed.digest,
        sealed: sealed.keys,
    })
}

fn new_id() -> Result<FileId, ApiError> {
    let mut bytes = [0; 16];
    rand::rngs::SysRng
        .try_fill_bytes(&mut bytes)
        .map_err(|error| ApiError::Unavailable(format!("the system has no randomness: {error}")))?;
    Ok(FileId(u128::from_le_bytes(bytes)))
}

async fn update(
    kind: FileKind,
    handle: &Handle,
    id: &str,
    parameters: &Parameters,
    concern: Concern,
    text: String,
) -> Result<Response, ApiError> {
    let text = Zeroizing::new(text);
    let version = parameters.version(kind.as_str())?;
    let sent = Sent::read(kind, &text)?;
    let view = handle.view.borrow().clone();
    let file = lookup::file(&view, kind, id, Purpose::Write)?.clone();
    if let Some(value) = sent.value(kind)? {
        let known = file.clone();
        let is_same = tokio::task::spawn_blocking(move || is_value_of(kind, &known, &value));
        if !is_same.await.map_err(|_| ApiError::Stopping)? {
            return Err(OrderError::FileFixed.into());
        }
    }
    let order = Order::UpdateFile {
        file: file.id,
        version,
        spec: sent.spec,
    };
    let receipt = carry_out(handle, order, concern).await?;
    until_seen(handle, |view| {
        let now = all(view, kind).get(&file.id);
        now.is_none_or(|now| now.version != file.version)
    })
    .await;
    Ok((StatusCode::OK, receipt_headers(&receipt)).into_response())
}

fn is_value_of(kind: FileKind, file: &FileView, value: &[u8]) -> bool {
    match kind {
        FileKind::Secret => vault::is_of(&file.digest, value),
        FileKind::Config => {
            let contents = file.contents.as_ref();
            contents.is_some_and(|contents| contents.bytes() == value)
        }
    }
}

async fn remove(
    kind: FileKind,
    handle: &Handle,
    id: &str,
    concern: Concern,
) -> Result<Response, ApiError> {
    let view = handle.view.borrow().clone();
    let file = lookup::file(&view, kind, id, Purpose::Write)?.id;
    let receipt = carry_out(handle, Order::RemoveFile { file }, concern).await?;
    until_seen(handle, |view| !all(view, kind).contains_key(&file)).await;
    Ok((StatusCode::NO_CONTENT, receipt_headers(&receipt)).into_response())
}

/// The handlers of one kind.
macro_rules! handlers {
    ($module:ident, $kind:expr, $path:literal) => {
        pub(super) mod $module {
            use super::*;

            #[doc = concat!("`GET ", $path, "`")]
            pub(in crate::api) async fn list(
                State(handle): State<Handle>,
                parameters: Parameters,
            ) -> Result<Response, ApiError> {
                super::list($kind, &handle, &parameters)
            }

            #[doc = concat!("`GET ", $path, "/{id}`")]
            pub(in crate::api) async fn inspect(
                State(handle): State<Handle>,
                Id(id): Id,
            ) -> Result<Response, ApiError> {
                super::inspect($kind, &handle, &id)
            }

            #[doc = concat!("`POST ", $path, "/create`")]
            pub(in crate::api) async fn create(
                State(handle): State<Handle>,
                concern: Concern,
                RawText(text): RawText,
            ) -> Result<Response, ApiError> {
                super::create($kind, &handle, concern, text).await
            }

            #[doc = concat!("`POST ", $path, "/{id}/update?version=`")]
            pub(in crate::api) async fn update(
                State(handle): State<Handle>,
                Id(id): Id,
                parameters: Parameters,
                concern: Concern,
                RawText(text): RawText,
            ) -> Result<Response, ApiError> {
                super::update($kind, &handle, &id, &parameters, concern, text).await
            }

            #[doc = concat!("`DELETE ", $path, "/{id}`")]
            pub(in crate::api) async fn remove(
                State(handle): State<Handle>,
                Id(id): Id,
                concern: Concern,
            ) -> Result<Response, ApiError> {
                super::remove($kind, &handle, &id, concern).await
            }
        }
    };
}

handlers!(secrets, FileKind::Secret, "/secrets");
handlers!(configs, FileKind::Config, "/configs");
