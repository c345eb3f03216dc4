//! The networks of tasks on this engine: a bridge for each, made when a task needs it, removed when none
//! does any more and nothing else is attached.
//!
//! A bridge is local: what makes it one network with those of other machines is the node's own data path,
//! which serves virtual addresses in each. Only what has all our labels is ever removed.

use std::{
    collections::{BTreeMap, BTreeSet, HashMap},
    net::{Ipv4Addr, Ipv6Addr},
    str::FromStr,
    sync::Arc,
};

use bollard::{
    Docker,
    models::{
        ContainerInspectResponse, EndpointSettings, Ipam, IpamConfig, NetworkConnectRequest,
        NetworkCreateRequest, NetworkInspect,
    },
    query_parameters::{InspectNetworkOptions, ListNetworksOptionsBuilder},
};
use ipnet::{Ipv4Net, Ipv6Net};
use shoal_scheduler::{
    task::{NetworkId, TaskId},
    view::NetworkView,
};
use tokio::sync::{Mutex, watch};

use super::{
    error::{Trouble, short},
    guests::{Promises, guests},
    labels,
    local::{LocalNetwork, LocalNetworks},
    ranges::{self, Range},
    ranges6::{self, Range6},
    whereabouts,
};
use crate::runtime::BoxFuture;

/// The label with a network's id.
const NETWORK: &str = "shoal.network";
/// The engine's option for the name of a bridge.
const BRIDGE_NAME: &str = "com.docker.network.bridge.name";
/// Ranges that are tried before the engine's words count.
const TRIES_MAX: usize = 16;
const ROUTES: &str = "/proc/net/route";

/// Knows the networks that everybody agreed on.
pub trait NetworkSource: Send + Sync {
    /// The network of this name or id. Waits a moment for one that has not come yet.
    fn find<'a>(&'a self, target: &'a str) -> BoxFuture<'a, Option<NetworkView>>;
}

/// Makes and removes them, one at a time.
#[derive(Default)]
pub(super) struct Networks {
    turn: Mutex<()>,
    /// Those that are kept for a container that is yet to come.
    pub(super) promised: Promises,
    known: watch::Sender<Arc<LocalNetworks>>,
}

impl Networks {
    pub(super) fn watch(&self) -> watch::Receiver<Arc<LocalNetworks>> {
        self.known.subscribe()
    }

    fn change(&self, change: impl FnOnce(&mut LocalNetworks)) {
        self.known.send_if_modified(|known| {
            let mut new = LocalNetworks::clone(known);
            change(&mut new);
            let is_other = new != **known;
            *known = Arc::new(new);
            is_other
        });
    }

    /// Learns which are there.
    pub(super) async fn learn(&self, docker: &Docker, owner: &str) -> Result<(), Trouble> {
        let _turn = self.turn.lock().await;
        let there = list(docker, owner, None).await?;
        self.change(|known| {
            known.networks = there;
            known.lives += 1;
        });
        Ok(())
    }

    /// Removes those that nobody needs.
    pub(super) async fn clear(
        &self,
        docker: &Docker,
        owner: &str,
        needed: impl FnOnce() -> BTreeSet<NetworkId>,
    ) -> Result<(), Trouble> {
        let _turn = self.turn.lock().await;
        let mut there = list(docker, owner, None).await?;
        let mut needed = needed();
        needed.extend(self.promised.all());
        for id in there.keys().copied().collect::<Vec<_>>() {
            if !needed.contains(&id) && is_removed(docker, owner, &there[&id].name).await {
                tracing::info!(network = %there[&id].name, "a network that no task here needs is removed");
                there.remove(&id);
            }
        }
        self.change(|known| known.networks = there);
        Ok(())
    }

    /// The network on this engine, made if it is not there.
    pub(super) async fn ensure(
        &self,
        docker: &Docker,
        owner: &str,
        wanted: &NetworkView,
    ) -> Result<LocalNetwork, Trouble> {
        let _turn = self.turn.lock().await;
        let found = list(docker, owner, Some(wanted.id)).await?;
        let network = match found.into_values().next() {
            Some(network) => network,
            None => make(docker, owner, wanted).await?,
        };
        self.change(|known| {
            known.networks.insert(network.id, network.clone());
        });
        Ok(network)
    }

    /// A task's container is on these networks now. None: it is on none any more.
    pub(super) fn attached(&self, task: TaskId, found: Option<&ContainerInspectResponse>) {
        self.change(|known| {
            let addresses = whereabouts::addresses(&known.networks, found);
            set(&mut known.tasks, task, addresses);
            let addresses = whereabouts::addresses6(&known.networks, found);
            set(&mut known.tasks6, task, addresses);
            match found.and_then(whereabouts::routed) {
                Some(address) => known.routed.insert(task, address),
                None => known.routed.remove(&task),
            };
        });
    }
}

/// Attaches a container that was made and does not run yet. Being attached already is no error.
pub(super) async fn connect(
    docker: &Docker,
    network: &LocalNetwork,
    container: &str,
) -> Result<(), Trouble> {
    let request = NetworkConnectRequest {
        container: container.to_owned(),
        endpoint_config: Some(EndpointSettings::default()),
    };
    match docker.connect_network(&network.name, request).await {
        Ok(()) => Ok(()),
        Err(error) => match Trouble::of(&error) {
            trouble if trouble.words().contains("already exists in network") => Ok(()),
            trouble => Err(trouble),
        },
    }
}

fn set<A>(
    known: &mut BTreeMap<TaskId, BTreeMap<NetworkId, A>>,
    task: TaskId,
    addresses: BTreeMap<NetworkId, A>,
) {
    match addresses.is_empty() {
        true => known.remove(&task),
        false => known.insert(task, addresses),
    };
}

/// Ours on this engine: all, or one.
async fn list(
    docker: &Docker,
    owner: &str,
    id: Option<NetworkId>,
) -> Result<BTreeMap<NetworkId, LocalNetwork>, Trouble> {
    let network = id.map_or_else(|| NETWORK.to_owned(), |id| format!("{NETWORK}={id}"));
    let labels = vec![format!("{}={owner}", labels::OWNER), network];
    let options = ListNetworksOptionsBuilder::default()
        .filters(&HashMap::from([("label", labels)]))
        .build();
    let listed = docker.list_networks(Some(options)).await;
    let listed = listed.map_err(|error| Trouble::of(&error))?;
    let local = listed.into_iter().filter_map(|network| {
        let label = network.labels.as_ref()?.get(NETWORK)?;
        let configs = network.ipam?.config?;
        let (subnet, gateway) = configs.iter().find_map(parsed::<Ipv4Net, Ipv4Addr>)?;
        let six = configs.iter().find_map(parsed::<Ipv6Net, Ipv6Addr>);
        let six = six.filter(|_| network.enable_ipv6 == Some(true));
        let network = LocalNetwork {
            id: label.parse().ok()?,
            name: network.name?,
            engine_id: network.id?,
            bridge: network.options?.get(BRIDGE_NAME)?.clone(),
            range: Range { subnet, gateway },
            range6: six.map(|(subnet, gateway)| Range6 { subnet, gateway }),
        };
        Some((network.id, network))
    });
    Ok(local.collect())
}

/// A subnet and its gateway, if they are of this kind.
fn parsed<S: FromStr, G: FromStr>(config: &IpamConfig) -> Option<(S, G)> {
    let subnet = config.subnet.as_ref()?.parse().ok()?;
    // Some engines give its length, too.
    let gateway = config.gateway.as_ref()?.split('/').next()?;
    Some((subnet, gateway.parse().ok()?))
}

async fn make(docker: &Docker, owner: &str, wanted: &NetworkView) -> Result<LocalNetwork, Trouble> {
    let asked = ranges::asked_for(&wanted.spec).map_err(Trouble::Refused)?;
    let asked6 = ranges6::asked_for(&wanted.spec).map_err(Trouble::Refused)?;
    let used = used(docker).await?;
    let seed = hash(owner, wanted.id);
    let range6 = asked6.unwrap_or_else(|| Range6::unique(seed));
    let range6 = wanted.spec.enable_ipv6.then_some(range6);
    let ranges: Vec<Range> = match asked {
        Some(range) => vec![range],
        None => ranges::free(seed, &used).take(TRIES_MAX).collect(),
    };
    let mut last = Trouble::Refused(format!(
        "network {}: no range of addresses is free",
        wanted.spec.name
    ));
    for range in ranges {
        let mut network = LocalNetwork {
            id: wanted.id,
            engine_id: String::new(),
            // Two agents may share an engine, and each has networks of its own.
            name: format!(
                "{}.{:.6}{:.4}",
                wanted.spec.name,
                wanted.id.to_string(),
                owner
            ),
            bridge: format!("sh{:012x}", seed >> 16),
            range,
            range6,
        };
        match docker
            .create_network(request(&network, owner, wanted))
            .await
        {
            Ok(made) => {
                network.engine_id = made.id;
                let (name, subnet) = (&network.name, range.subnet);
                tracing::info!(network = %name, %subnet, "a network is made");
                return Ok(network);
            }
            Err(error) => last = Trouble::of(&error),
        }
        // Somebody else took that range meanwhile, or it is one that no engine tells of.
        if !last.words().to_lowercase().contains("overlap") {
            break;
        }
    }
    Err(match last {
        Trouble::Unreachable => Trouble::Unreachable,
        other => Trouble::Refused(short(&format!(
            "network {}: {}",
            wanted.spec.name,
            other.words()
        ))),
    })
}

fn request(network: &LocalNetwork, owner: &str, wanted: &NetworkView) -> NetworkCreateRequest {
    let own = [
        (labels::OWNER, owner.to_owned()),
        (NETWORK, network.id.to_string()),
    ];
    let own = own.map(|(name, value)| (name.to_owned(), value));
    let range = network.range;
    let config = |subnet: String, containers: String, gateway: String| IpamConfig {
        subnet: Some(subnet),
        ip_range: Some(containers),
        gateway: Some(gateway),
        ..IpamConfig::default()
    };
    let mut configs = vec![config(
        range.subnet.to_string(),
        range.containers().to_string(),
        range.gateway.to_string(),
    )];
    configs.extend(network.range6.map(|six| {
        config(
            six.subnet.to_string(),
            six.containers().to_string(),
            six.gateway.to_string(),
        )
    }));
    NetworkCreateRequest {
        name: network.name.clone(),
        driver: Some("bridge".to_owned()),
        internal: Some(wanted.spec.internal),
        enable_ipv6: Some(network.range6.is_some()),
        // Whoever may use the engine may attach what is no task, as on an attachable network of Swarm.
        attachable: Some(wanted.spec.attachable),
        ipam: Some(Ipam {
            driver: Some("default".to_owned()),
            config: Some(configs),
            options: None,
        }),
        options: Some(HashMap::from([(
            BRIDGE_NAME.to_owned(),
            network.bridge.clone(),
        )])),
        labels: Some(wanted.spec.labels.clone().into_iter().chain(own).collect()),
        ..NetworkCreateRequest::default()
    }
}

/// Ranges that this machine or its engine uses already.
async fn used(docker: &Docker) -> Result<Vec<Ipv4Net>, Trouble> {
    let listed = docker.list_networks(None).await;
    let listed = listed.map_err(|error| Trouble::of(&error))?;
    let configs = listed
        .into_iter()
        .filter_map(|network| network.ipam?.config);
    let subnets = configs.flatten().filter_map(|config| config.subnet);
    let mut used: Vec<Ipv4Net> = subnets.filter_map(|subnet| subnet.parse().ok()).collect();
    // Without it there is one check less: the engine makes its own.
    used.extend(ranges::routed(
        &std::fs::read_to_string(ROUTES).unwrap_or_default(),
    ));
    Ok(used)
}

/// Removes a network that nothing is attached to. Whether it is gone.
async fn is_removed(docker: &Docker, owner: &str, name: &str) -> bool {
    let inspected = docker
        .inspect_network(name, None::<InspectNetworkOptions>)
        .await;
    let is_used =
        |found: &NetworkInspect| found.containers.as_ref().is_some_and(|all| !all.is_empty());
    match inspected {
        Ok(found) if is_used(&found) => false,
        // One that does not run just now would not start without it.
        Ok(_)
            if guests(docker, owner, name, true)
                .await
                .is_none_or(|all| !all.is_empty()) =>
        {
            false
        }
        Ok(_) => match docker.remove_network(name).await {
            Ok(()) => true,
            Err(error) => matches!(Trouble::of(&error), Trouble::NotFound(_)),
        },
        Err(error) => matches!(Trouble::of(&error), Trouble::NotFound(_)),
    }
}

/// The same for an agent and a network each time.
fn hash(owner: &str, id: NetworkId) -> u64 {
    let mut hash = blake3::Hasher::new_derive_key("shoal 2026 a network of an engine");
    hash.update(owner.as_bytes())
        .update(id.to_string().as_bytes());
    let mut bytes = [0; 8];
    hash.finalize_xof().fill(&mut bytes);
    u64::from_le_bytes(bytes)
}
