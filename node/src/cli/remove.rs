//! Removing what has a name.

use super::{
    error::{CliError, each},
    query::Target,
    session::Session,
    values::WriteArgs,
};

/// Removes what people named below this path, such as `/services`, and says each name.
pub(crate) async fn named(
    session: &mut Session,
    path: &str,
    names: &[String],
    force: bool,
    write: WriteArgs,
) -> Result<(), CliError> {
    each(names, async |name: &String| {
        let target = Target::new(path)
            .segment(name)
            .maybe("force", force.then_some(1))
            .maybe("write-concern", write.word());
        let written = session.client.delete(target.as_str()).await?;
        session.out.line(name)?;
        session.warn(&written)
    })
    .await
}

/// Removes a part of a stack, a `service` or a `network`, and says so before.
pub(crate) async fn part(
    session: &mut Session,
    kind: &str,
    id: &str,
    name: &str,
    write: WriteArgs,
) -> Result<(), CliError> {
    session.out.line(&format!("Removing {kind} {name}"))?;
    let target = Target::new(format!("/{kind}s"))
        .segment(id)
        .maybe("write-concern", write.word());
    let written = session.client.delete(target.as_str()).await?;
    session.warn(&written)
}
