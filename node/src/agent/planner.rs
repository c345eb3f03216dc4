//! The thread on which plans are worked out.

use std::sync::{Arc, mpsc};

use shoal_scheduler::{
    peer::{Input, Ticket},
    placement::{self, Planner},
};
use tokio::sync::mpsc::Sender;

/// Hands inputs to the planner; plans come back as inputs of the peer.
#[derive(Debug)]
pub(super) struct PlannerThread {
    asks: mpsc::Sender<(Ticket, Box<placement::Input>)>,
}

impl PlannerThread {
    pub(super) fn start(inputs: Sender<Input>) -> Result<Self, String> {
        let (asks, asked) = mpsc::channel::<(Ticket, Box<placement::Input>)>();
        let work = move || {
            let mut planner = Planner::default();
            while let Ok((ticket, input)) = asked.recv() {
                let plan = Arc::new(planner.plan(*input));
                if inputs
                    .blocking_send(Input::Planned { ticket, plan })
                    .is_err()
                {
                    return;
                }
            }
        };
        super::run::thread("shoal-planner", work)?;
        Ok(Self { asks })
    }

    /// The peer asks for one plan at a time.
    pub(super) fn ask(&self, ticket: Ticket, input: Box<placement::Input>) {
        // The thread ends only with the agent.
        let _ = self.asks.send((ticket, input));
    }
}
