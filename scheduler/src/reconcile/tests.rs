//! One behaviour a test: who starts, who stops, and who waits.

use super::*;
use crate::{
    spec::{Mode, RestartPolicy},
    task::TaskReport,
};

const SERVICE: ServiceId = ServiceId(1);
const SLOT: SlotKey = (SERVICE, Slot::Number(1));
const TEMPLATE: u64 = 7;

fn node(number: u8) -> NodeId {
    NodeId::from_bytes([number; 16])
}

fn seconds(number: u64) -> Duration {
    Duration::from_secs(number)
}

/// A world of one service with one slot, seen by node 1.
struct World {
    now: Duration,
    is_paused: bool,
    drained_since: Option<Duration>,
    leaves_at: Option<Duration>,
    slots: BTreeMap<SlotKey, Option<NodeId>>,
    services: BTreeMap<ServiceId, Wanted>,
    local: LocalTasks,
    elsewhere: BTreeMap<SlotKey, Vec<Elsewhere>>,
    ledger: Ledger,
    hold_downs: HoldDowns,
    yields: Yields,
    has_plan: bool,
    has_synced: bool,
}

impl World {
    fn owned_by(owner: Option<NodeId>) -> Self {
        let spec = Arc::new(ServiceSpec {
            mode: Mode::replicas(1),
            ..ServiceSpec::default()
        });
        Self {
            now: seconds(100),
            is_paused: false,
            drained_since: None,
            leaves_at: None,
            slots: [(SLOT, owner)].into(),
            services: [(
                SERVICE,
                Wanted {
                    job: None,
                    spec,
                    template: TEMPLATE,
                    previous: None,
                    open: None,
                    behind: BTreeSet::new(),
                    order: UpdateOrder::StopFirst,
                },
            )]
            .into(),
            local: LocalTasks::default(),
            elsewhere: BTreeMap::new(),
            ledger: Ledger::default(),
            hold_downs: HoldDowns::new(seconds(10)),
            yields: Yields::new(Duration::ZERO),
            has_plan: true,
            has_synced: true,
        }
    }

    fn with_local(mut self, template: u64, state: TaskState) -> Self {
        let report = TaskReport {
            run: 0,
            id: TaskId(u128::from(template) + 1),
            service: SERVICE,
            service_name: "web".into(),
            slot: SLOT.1,
            template,
            update: 0,
            image: String::new(),
            desired: TaskState::Running,
            state,
            created_at: seconds(1),
            state_at: seconds(1),
            ran_at: None,
            message: String::new(),
            error: String::new(),
            pid: None,
            exit_code: None,
            container: String::new(),
            ports: Vec::new(),
            generic: Vec::new(),
        };
        self.local.insert(LocalTask {
            report,
            starts_at: None,
            running_since: None,
        });
        self
    }

    fn with_other(mut self, number: u8, has_settled: bool) -> Self {
        self.elsewhere.entry(SLOT).or_default().push(Elsewhere {
            node: node(number),
            template: TEMPLATE,
            state: TaskState::Running,
            is_wanted: true,
            has_settled,
            must_move: false,
            is_kept: false,
        });
        self
    }

    fn decide(&self) -> Decision {
        reconcile(&Situation {
            now: self.now,
            me: node(1),
            is_paused: self.is_paused,
            drained_since: self.drained_since,
            leaves_at: self.leaves_at,
            slots: &self.slots,
            services: &self.services,
            planned: &|service| self.services.contains_key(service) && self.has_plan,
            is_removed: &|_, _| self.has_synced,
            local: &self.local,
            elsewhere: &self.elsewhere,
            ledger: &self.ledger,
            hold_downs: &self.hold_downs,
            yields: &self.yields,
            outranks_me: &|_, other| *other == node(3),
        })
    }

    fn stops(&self) -> bool {
        self.decide()
            .actions
            .iter()
            .any(|action| matches!(action, Action::Stop { .. }))
    }

    fn starts(&self) -> bool {
        self.decide()
            .actions
            .iter()
            .any(|action| matches!(action, Action::Start { .. }))
    }
}

#[test]
fn an_owner_starts_at_once_what_nobody_runs() {
    assert!(World::owned_by(Some(node(1))).starts());
    assert!(!World::owned_by(Some(node(2))).starts());
    assert!(!World::owned_by(None).starts());
}

#[test]
fn a_paused_node_keeps_what_it_has_and_starts_nothing() {
    // Its plan may be older than the end of its task, and the next one older than the start of another.
    let mut world = World::owned_by(Some(node(1)));
    world.is_paused = true;
    assert_eq!(world.decide(), Decision::default());
    let mut world = world.with_local(TEMPLATE, TaskState::Running);
    assert!(!world.stops());
    world.is_paused = false;
    assert!(!world.starts());
}

#[test]
fn an_owner_leaves_its_running_task_alone() {
    let world = World::owned_by(Some(node(1))).with_local(TEMPLATE, TaskState::Running);
    assert_eq!(world.decide(), Decision::default());
}

#[test]
fn what_another_runs_is_taken_over_only_after_the_hold_down() {
    let mut world = World::owned_by(Some(node(1))).with_other(2, true);
    assert_eq!(world.decide().actions, vec![Action::Hold { slot: SLOT }]);
    world.hold_downs.begin(SLOT, world.now);
    assert_eq!(world.decide().look_again_at, Some(seconds(110)));
    world.now = seconds(110);
    assert!(world.starts());
    world.hold_downs.taken_over(SLOT, world.now);
    world.hold_downs.begin(SLOT, seconds(111));
    assert_eq!(
        world.hold_downs.over_at(&SLOT),
        Some(seconds(131)),
        "a flapping slot waits longer"
    );
}

#[test]
fn what_a_drained_node_runs_is_taken_over_at_once() {
    let mut world = World::owned_by(Some(node(1))).with_other(2, true);
    world.elsewhere.get_mut(&SLOT).unwrap()[0].must_move = true;
    assert!(world.starts());
}

#[test]
fn a_task_stays_until_its_new_owner_has_settled() {
    let world = World::owned_by(Some(node(2))).with_local(TEMPLATE, TaskState::Running);
    assert!(!world.stops(), "nobody else runs it");
    let world = world.with_other(2, false);
    assert!(!world.stops(), "the owner has only just started it");
    let world = World::owned_by(Some(node(2))).with_local(TEMPLATE, TaskState::Running);
    assert!(world.with_other(2, true).stops());
}

#[test]
fn of_several_keepers_the_best_ranked_stays() {
    let keeper = || World::owned_by(Some(node(2))).with_local(TEMPLATE, TaskState::Running);
    assert!(keeper().with_other(3, true).stops());
    assert!(!keeper().with_other(4, true).stops());
}

#[test]
fn what_no_longer_exists_stops_at_once() {
    let mut world = World::owned_by(Some(node(1))).with_local(TEMPLATE, TaskState::Running);
    world.slots.clear();
    assert!(world.stops(), "scaled down");
    world.services.clear();
    assert!(world.stops(), "removed");
}

#[test]
fn what_is_only_not_known_yet_goes_on() {
    let mut world = World::owned_by(Some(node(1))).with_local(TEMPLATE, TaskState::Running);
    world.slots.clear();
    world.has_plan = false;
    assert!(!world.stops(), "the plan is older than the service");
    world.services.clear();
    world.has_synced = false;
    assert!(!world.stops(), "the registry is being refilled");
}

#[test]
fn a_stale_task_is_replaced() {
    let world = World::owned_by(Some(node(1))).with_local(TEMPLATE + 1, TaskState::Running);
    assert!(world.stops());
    assert!(!world.starts(), "the old one ends first");
}

#[test]
fn a_drained_node_with_nowhere_to_go_keeps_its_task_until_the_limit() {
    let mut world = World::owned_by(None).with_local(TEMPLATE, TaskState::Running);
    assert!(!world.stops());
    world.drained_since = Some(seconds(99));
    assert!(!world.stops());
    world.now = seconds(99) + DRAIN_LIMIT;
    assert!(world.stops());
}

#[test]
fn a_leaving_node_starts_nothing_and_stops_all_in_the_end() {
    let mut world = World::owned_by(Some(node(1)));
    world.leaves_at = Some(seconds(105));
    assert!(!world.starts());
    world = world.with_local(TEMPLATE, TaskState::Running);
    assert!(!world.stops());
    world.now = seconds(105);
    assert!(world.stops());
}

#[test]
fn a_finished_task_is_not_started_again_by_its_next_owner() {
    let mut world = World::owned_by(Some(node(1))).with_other(2, false);
    let spec = Arc::make_mut(&mut world.services.get_mut(&SERVICE).unwrap().spec);
    spec.task_template.restart_policy = RestartPolicy {
        condition: crate::spec::RestartCondition::None,
        ..Default::default()
    };
    world.elsewhere.get_mut(&SLOT).unwrap()[0].state = TaskState::Complete;
    assert!(!world.starts());
}

#[test]
fn what_this_node_refused_waits_for_a_plan_without_it() {
    let mut world = World::owned_by(Some(node(1)));
    world.ledger.refused(SLOT, TEMPLATE, world.now);
    let decision = world.decide();
    assert_eq!(decision.actions, []);
    assert_eq!(decision.look_again_at, Some(seconds(110)));
    world.now = seconds(110);
    assert_eq!(world.decide().actions.len(), 1, "it is tried again");
}

#[test]
fn a_copy_goes_when_its_reason_has_stood_for_a_while() {
    for (owner, patience) in [(3, 2_500), (2, 5_000)] {
        let mut world = World::owned_by(Some(node(owner)))
            .with_local(TEMPLATE, TaskState::Running)
            .with_other(owner, true);
        world.yields = Yields::new(seconds(10));
        let decision = world.decide();
        let over = world.now + Duration::from_millis(patience);
        assert_eq!(
            (&decision.actions[..], decision.look_again_at),
            (&[][..], Some(over))
        );
        world.yields.note(&decision.yielding, world.now);
        world.now = over;
        assert!(
            world.stops(),
            "owned by {owner}, which ranks higher if it is 3"
        );
        world.yields.note(&[], world.now);
        assert!(!world.stops(), "the reason was gone for a moment");
        world.drained_since = Some(seconds(99));
        assert!(world.stops(), "no plan gives it back to a drained node");
    }
}
