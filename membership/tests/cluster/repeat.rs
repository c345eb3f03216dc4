use proptest::prelude::*;
use shoal_membership::Profile;

use crate::{
    network::{Cluster, id},
    seconds,
};

fn history(seed: u64) -> u64 {
    let mut cluster = Cluster::new(12, Profile::Lan, seed);
    cluster.run(seconds(10));
    cluster.link.loss = 0.2;
    cluster.kill(3);
    cluster.run(seconds(30));
    cluster.restart(3);
    cluster.partition(&[&[0, 1, 2], &[3, 4, 5, 6, 7, 8, 9, 10, 11]]);
    cluster.run(seconds(20));
    cluster.heal();
    cluster.run(seconds(60));
    cluster.history.digest()
}

#[test]
fn the_same_seed_gives_the_same_outputs_byte_for_byte() {
    assert_eq!(history(41), history(41));
    assert_ne!(history(41), history(42));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]

    #[test]
    fn hostile_bytes_change_nothing(mut bytes in proptest::collection::vec(any::<u8>(), 0..1_200), kind: bool) {
        thread_local! {
            static CLUSTER: std::cell::RefCell<Cluster> =
                std::cell::RefCell::new(Cluster::joined(3, Profile::Lan, 43));
        }
        if let Some(first) = bytes.first_mut().filter(|_| kind) {
            *first = 0x10 + *first % 3;
        }
        CLUSTER.with_borrow_mut(|cluster| {
            let now = cluster.moment();
            let membership = &mut cluster.nodes[0].membership;
            let before = (membership.digest(), membership.member_list());
            prop_assert!(membership.handle_packet(id(1), &bytes, now).is_err());
            prop_assert_eq!(before, (membership.digest(), membership.member_list()));
            prop_assert!(membership.poll().is_none());
            Ok(())
        })?;
    }
}
