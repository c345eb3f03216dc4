//! What one node knows of the members, as a start for others: how a simulator makes a large cluster
//! that has been running for long, without the N² packets of its joining.

use foca::State;

use crate::{Config, Member, Membership, Now, view::View};

/// The members as one node knew them, itself included.
#[derive(Clone, Debug)]
pub struct Image {
    list: Vec<foca::Member<Member>>,
    view: View,
}

impl Image {
    /// How many members it shows.
    #[must_use]
    pub fn len(&self) -> usize {
        self.list.len()
    }

    /// Whether it shows nobody (never: whoever made it is on it).
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.list.is_empty()
    }
}

impl Membership {
    /// What this node knows of all members.
    #[must_use]
    pub fn image(&self) -> Image {
        let own = foca::Member::new(self.me().clone(), self.refutations, State::Alive);
        let me = self.me().id;
        let others = self.foca.iter_membership_state();
        let others = others.filter(|told| told.id().id != me).cloned();
        let mut view = self.view.clone();
        view.update(&own);
        Image {
            list: others.chain(std::iter::once(own)).collect(),
            view,
        }
    }

    /// A node that knows all of this from the start, and whom the others know in this life. Nothing
    /// of it is news: no output tells of it.
    #[must_use]
    pub fn awake(config: Config, me: Member, seed: u64, now: Now, image: &Image) -> Self {
        let id = me.id;
        let mut node = Self::new(config, me, seed, now);
        node.view = image.view.clone();
        node.view.remove(id);
        let others = image.list.iter().filter(|told| told.id().id != id).cloned();
        node.drive(|foca, effects| {
            let applied = foca.apply_many(others, false, &mut *effects);
            effects.touched = Vec::new();
            applied
        });
        node.now_sure();
        node
    }
}
