//! The secrets and configs of a stack.

use std::path::PathBuf;

use serde_json::Value;

use super::of_stack;
use crate::cli::{
    error::CliError,
    file::{self, Kind},
    lookup::Lookup,
    query::{Filters, Target},
    session::Session,
    values::WriteArgs,
};

/// A secret or config that a stack's files declare.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct FilePlan {
    /// Whether it is a secret.
    pub is_secret: bool,
    /// Its name in the cluster.
    pub name: String,
    /// The file with its value. None: it must be there already.
    pub file: Option<PathBuf>,
    /// Its labels.
    pub labels: Vec<(String, String)>,
    /// What fills it in for each task; empty for nothing.
    pub template_driver: String,
}

impl FilePlan {
    fn kind(&self) -> Kind {
        match self.is_secret {
            true => Kind::Secret,
            false => Kind::Config,
        }
    }
}

/// Makes those that are not there yet, and changes labels of those that are. Names the ids in the specs of services.
pub(super) async fn make(
    session: &mut Session,
    files: &[FilePlan],
    services: &mut [(String, Value)],
    write: WriteArgs,
) -> Result<(), CliError> {
    for plan in files {
        let id = put(session, plan, write).await?;
        for (_, spec) in services.iter_mut() {
            refer(spec, plan, &id);
        }
    }
    Ok(())
}

/// The id of one, which is there then.
async fn put(session: &mut Session, plan: &FilePlan, write: WriteArgs) -> Result<String, CliError> {
    let (kind, name) = (plan.kind(), &plan.name);
    let word = kind.word();
    let found = named(session, kind, name).await?;
    let Some(file) = &plan.file else {
        let missing = || {
            CliError::failed(format!(
                "{word} {name:?} is declared as external, but could not be found: make it first (shoal {word} create \
                 {name} FILE)"
            ))
        };
        return Ok(found.ok_or_else(missing)?.text("/ID").to_owned());
    };
    let value = file::read(file)?;
    let driver = Some(plan.template_driver.as_str());
    let spec = file::spec(name, plan.labels.clone(), driver, &value);
    let of_this = |error: CliError, what: &str| match error {
        CliError::Failed(message) => {
            CliError::failed(format!("failed to {what} {word} {name}: {message}"))
        }
        other => other,
    };
    let Some(known) = found else {
        session.out.line(&format!("Creating {word} {name}"))?;
        let target = Target::new(kind.path())
            .then("/create")
            .maybe("write-concern", write.word());
        let made = session.client.post(target.as_str(), Some(&spec)).await;
        let made = made.map_err(|error| of_this(error, "create"))?;
        session.warn(&made)?;
        return Ok(made.body.text("/ID").to_owned());
    };
    // Whether it holds what it is to hold is for the node to say: nobody can read a secret.
    let id = known.text("/ID").to_owned();
    let target = Target::new(kind.path())
        .segment(&id)
        .then("/update")
        .with("version", known.number("/Version/Index"))
        .maybe("write-concern", write.word());
    let written = session.client.post(target.as_str(), Some(&spec)).await;
    let written = written.map_err(|error| of_this(error, "update"))?;
    session.warn(&written)?;
    Ok(id)
}

async fn named(session: &Session, kind: Kind, name: &str) -> Result<Option<Value>, CliError> {
    let filters = Filters::default().and("names", name);
    let target = Target::new(kind.path()).filtered(&filters);
    let found: Vec<Value> = session.client.get(target.as_str()).await?;
    Ok(found.into_iter().find(|one| one.text("/Spec/Name") == name))
}

fn refer(spec: &mut Value, plan: &FilePlan, id: &str) {
    let kind = plan.kind();
    let references = spec.pointer_mut(&format!("/TaskTemplate/ContainerSpec/{}", kind.field()));
    let references = references.and_then(Value::as_array_mut);
    for reference in references.into_iter().flatten() {
        if reference.get(kind.name_field()).and_then(Value::as_str) == Some(&plan.name) {
            reference[kind.id_field()] = id.into();
        }
    }
}

/// Those that a stack made.
pub(super) async fn of_this(
    session: &Session,
    kind: Kind,
    stack: &str,
) -> Result<Vec<Value>, CliError> {
    let target = Target::new(kind.path()).filtered(&of_stack(stack));
    session.client.get(target.as_str()).await
}
