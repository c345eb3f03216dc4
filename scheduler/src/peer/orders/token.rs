//! Join tokens, and the admissions that they buy.

use std::time::Duration;

use shoal_membership::PublicKey;

use super::{
    super::{JoinDenied, Peer},
    Draft, TokenProposal, json,
};
use crate::{
    order::OrderError,
    payload::TokenRecord,
    registry::{Admission, Key, kind},
};

impl Peer {
    pub(super) fn draft_token(&mut self, token: &TokenProposal) -> Draft {
        let created_at = u64::try_from(self.now.wall.as_millis()).unwrap_or(u64::MAX);
        let record = TokenRecord {
            key: token.key,
            created_at,
            ttl: token.ttl,
            uses: token.uses,
            is_standing: token.is_standing,
        };
        Draft::one(
            Key::of(kind::TOKEN, token.id.clone()),
            json(&record),
            token.id.clone(),
        )
    }

    /// Those that stand go, all at once. Their makers make others when somebody asks.
    pub(super) fn draft_rotation(&self) -> Draft {
        let tokens = self.registry.of_kind("default", kind::TOKEN);
        let standing = tokens.filter(|(key, _, _)| {
            let record = self.registry.read_as::<TokenRecord>(key);
            record.is_some_and(|(record, _)| record.is_standing)
        });
        let keys = standing.flat_map(|(key, _, _)| {
            let uses = self.uses_of(&key.name);
            std::iter::once(key.clone()).chain(uses)
        });
        Draft {
            writes: keys.map(|key| (key, None)).collect(),
            ..Draft::default()
        }
    }

    pub(super) fn draft_token_removal(&mut self, id: &str) -> Result<Draft, OrderError> {
        let key = Key::of(kind::TOKEN, id);
        if self.registry.read(&key).is_none() {
            return Err(OrderError::NotFound {
                kind: "token",
                id: id.to_owned(),
            });
        }
        let mut draft = Draft::one(key, None, id);
        draft
            .writes
            .extend(self.uses_of(id).into_iter().map(|key| (key, None)));
        Ok(draft)
    }

    /// What admits this key. None: it is a member already, which is free.
    pub(super) fn draft_admission(
        &mut self,
        key: PublicKey,
        token: &str,
    ) -> Result<Option<Draft>, JoinDenied> {
        let node = key.node_id();
        if self.registry.trust().is_revoked(&node) {
            return Err(JoinDenied::Revoked);
        }
        let token_key = Key::of(kind::TOKEN, token);
        let (record, written) = self
            .registry
            .read_as::<TokenRecord>(&token_key)
            .ok_or(JoinDenied::UnknownToken)?;
        if self.registry.trust().key_of(&node).is_some() {
            return Ok(None);
        }
        let age = self.token_age(token, written.write.stamp.as_wall());
        if record.lifetime().is_some_and(|lifetime| age >= lifetime) {
            return Err(JoinDenied::Expired);
        }
        let used = u32::try_from(self.uses_of(token).len()).unwrap_or(u32::MAX);
        if record.uses.is_some_and(|uses| used >= uses) {
            return Err(JoinDenied::UsedUp);
        }
        let admission = Admission {
            key,
            founder_nonce: None,
        };
        let mut draft = Draft::one(
            Key::system(kind::MEMBER, node.to_string()),
            json(&admission),
            "",
        );
        let use_key = Key::of(kind::TOKEN_USE, format!("{token}.{node}"));
        draft.writes.push((use_key, Some(b"{}".to_vec())));
        Ok(Some(draft))
    }

    /// A token's age: by the registry's clock, or by how long this node has known it, whichever is
    /// more. So neither a clock set back nor a short uptime makes a token last for ever.
    pub(crate) fn token_age(&self, token: &str, written_at: Duration) -> Duration {
        let by_clock = self
            .now
            .wall
            .saturating_add(self.registry.clock_ahead_of(self.now.wall))
            .saturating_sub(written_at);
        let known_since = self
            .tokens_seen
            .get(token)
            .copied()
            .unwrap_or(self.now.monotonic);
        by_clock.max(self.now.monotonic.saturating_sub(known_since))
    }

    /// The entries that record a token's uses.
    pub(crate) fn uses_of(&self, token: &str) -> Vec<Key> {
        let prefix = format!("{token}.");
        self.registry
            .of_kind("default", kind::TOKEN_USE)
            .filter(|(key, _, _)| key.name.starts_with(&prefix))
            .map(|(key, _, _)| key.clone())
            .collect()
    }
}
