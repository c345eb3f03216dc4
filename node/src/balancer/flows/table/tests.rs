//! Flows come and go as places, silence and their listeners have it.

use super::*;

fn event() -> Event {
    Event::of_client(b"x"[..].into(), &Arc::new(Semaphore::new(1))).unwrap()
}

struct Asking(&'static str, Arc<Semaphore>);

impl Opening for Asking {
    fn asked(&self) -> Option<SocketAddr> {
        self.0.parse().ok()
    }

    fn own(&self) -> Own {
        Own::of(self.1.clone().try_acquire_owned().ok())
    }
}

#[tokio::test]
async fn after_a_silence_the_same_addresses_may_be_another_flow() {
    let table = Table::new(8, Arc::new(Semaphore::new(8)));
    let own = Arc::new(Semaphore::new(8));
    let one = Asking("10.0.8.1:53", own.clone());
    let other = Asking("10.0.8.2:53", own);
    let mut flows = Vec::new();
    let mut give = |asking: &Asking| {
        table.give(1_u8, event(), asking, |flow| flows.push(flow));
    };
    let silent = |for_so_long| {
        let start = Instant::now().checked_sub(for_so_long).unwrap();
        let after = Arc::default();
        table.held().flows.get_mut(&1).unwrap().seen = Seen { start, after };
    };
    let begun = || table.held().begun;
    give(&one);
    give(&other);
    assert_eq!(begun(), 1, "the kernel still knows");
    silent(ASKED_FOR);
    give(&one);
    assert_eq!(begun(), 1, "it is the same");
    silent(ASKED_FOR);
    give(&other);
    assert_eq!((begun(), table.len()), (2, 1));
}

#[tokio::test]
async fn a_flow_has_its_place_until_it_ends() {
    let places = Arc::new(Semaphore::new(3));
    let table = Table::new(2, places.clone());
    let mut flows = Vec::new();
    let give = |key: u8, flows: &mut Vec<Flow<u8>>| {
        table.give(key, event(), &Uncounted, |flow| flows.push(flow))
    };
    assert_eq!(give(1, &mut flows), Given::Taken);
    assert_eq!(give(1, &mut flows), Given::Taken);
    assert_eq!(give(2, &mut flows), Given::Taken);
    assert_eq!((flows.len(), places.available_permits()), (2, 1));
    assert_eq!(give(3, &mut flows), Given::NoPlace, "of this table");
    assert!(flows[0].queue.recv().await.is_some());
    drop(flows.remove(0));
    assert_eq!((table.len(), places.available_permits()), (1, 2));
    assert_eq!(give(3, &mut flows), Given::Taken);
    table.clear();
    assert!(flows[0].queue.recv().await.is_some());
    assert!(flows[0].queue.recv().await.is_none(), "it ends");
    assert_eq!(give(2, &mut flows), Given::Taken);
    drop(flows.remove(0));
    assert_eq!(table.len(), 1, "the new flow of the same key is another");
}

#[tokio::test]
async fn who_is_meant_has_places_of_its_own_and_its_silent_flows_go_first() {
    let (table, own) = (
        Table::new(8, Arc::new(Semaphore::new(8))),
        Arc::new(Semaphore::new(1)),
    );
    let mut flows = Vec::new();
    let asking = Asking("10.0.8.1:53", own);
    let mut give = |key: u8| table.give(key, event(), &asking, |flow| flows.push(flow));
    assert_eq!((give(1), give(2)), (Given::Taken, Given::NoPlace));
    let silent = Seen {
        start: Instant::now() - SILENT_MIN,
        after: Arc::default(),
    };
    table.held().flows.get_mut(&1).unwrap().seen = silent;
    table.held().looked_at = None;
    assert_eq!((give(2), give(3)), (Given::Taken, Given::NoPlace));
    assert_eq!(table.len(), 1);
}

#[tokio::test]
async fn a_flow_takes_no_more_than_it_can_hold() {
    let table = Table::new(1, Arc::new(Semaphore::new(1)));
    let mut flows = Vec::new();
    for _ in 0..QUEUED {
        assert_eq!(
            table.give(1, event(), &Uncounted, |flow| flows.push(flow)),
            Given::Taken
        );
    }
    let given = table.give(1, event(), &Uncounted, |flow| flows.push(flow));
    assert_eq!(given, Given::Dropped);
}

#[tokio::test]
async fn the_silent_go_when_a_place_is_needed() {
    let places = Arc::new(Semaphore::new(2));
    let table = Table::new(8, places);
    let mut flows = Vec::new();
    for key in [1_u8, 2] {
        table.give(key, event(), &Uncounted, |flow| flows.push(flow));
    }
    flows[0].seen.start -= SILENT_MIN;
    let silent = Seen {
        start: Instant::now() - SILENT_MIN,
        after: Arc::default(),
    };
    table.held().flows.get_mut(&1).unwrap().seen = silent;
    assert_eq!(
        table.give(3, event(), &Uncounted, |flow| flows.push(flow)),
        Given::Taken
    );
    assert!(table.held().flows.contains_key(&2));
    assert_eq!(table.len(), 2);
    table.held().looked_at = None;
    let given = table.give(4, event(), &Uncounted, |flow| flows.push(flow));
    assert_eq!(given, Given::NoPlace, "nobody is silent");
}
