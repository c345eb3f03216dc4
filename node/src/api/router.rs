//! Which path is answered where.

use axum::{
    Extension, Router, middleware,
    routing::{delete, get, post},
};
use tokio_util::sync::CancellationToken;

use super::{
    attaching, distribution, entering, events,
    files::{configs, secrets},
    handle::Handle,
    headers, info, local_names, logs, networks, nodes, passing, ping, service_orders, services,
    shoal, streams, swarm, system_version, tasks, version,
};

/// Everything that this node answers. `stop` ends the answers that have no end of their own.
pub fn router(handle: Handle, stop: CancellationToken) -> Router {
    let endless = logs::routes(stop.clone()).merge(events::routes(stop.clone()));
    let places = streams::Places::default();
    let routes = docker()
        .merge(endless.layer(middleware::from_fn_with_state(places, streams::hold_place)))
        .nest("/shoal/v1", own())
        .fallback(passing::pass)
        .method_not_allowed_fallback(passing::pass)
        .layer(Extension(passing::Stop(stop)))
        .with_state(handle.clone());
    let routes = Router::new()
        .fallback_service(routes)
        .layer(middleware::from_fn_with_state(
            handle.clone(),
            swarm::only_members,
        ));
    // A layer of the outer router runs before the inner one looks at the path.
    Router::new()
        .fallback_service(routes)
        .layer(middleware::from_fn_with_state(
            handle.clone(),
            version::strip,
        ))
        .layer(middleware::from_fn_with_state(handle, headers::add))
}

fn docker() -> Router<Handle> {
    Router::new()
        .route("/_ping", get(ping::ping))
        .route("/info", get(info::info))
        .route("/version", get(system_version::version))
        .route("/nodes", get(nodes::list))
        .route("/nodes/{id}", get(nodes::inspect).delete(nodes::remove))
        .route("/nodes/{id}/update", post(nodes::update))
        .route("/services", get(services::list))
        .route("/services/create", post(service_orders::create))
        .route(
            "/services/{id}",
            get(services::inspect).delete(service_orders::remove),
        )
        .route("/services/{id}/update", post(service_orders::update))
        .route("/swarm", get(swarm::inspect))
        .route("/swarm/init", post(entering::init))
        .route("/swarm/join", post(entering::join))
        .route("/swarm/leave", post(swarm::leave))
        .route("/swarm/update", post(swarm::update))
        .route("/swarm/unlockkey", get(swarm::unlock_key))
        .route("/swarm/unlock", post(swarm::unlock))
        .route("/tasks", get(tasks::list))
        .route("/tasks/{id}", get(tasks::inspect))
        .route("/secrets", get(secrets::list))
        .route("/secrets/create", post(secrets::create))
        .route(
            "/secrets/{id}",
            get(secrets::inspect).delete(secrets::remove),
        )
        .route("/secrets/{id}/update", post(secrets::update))
        .route("/configs", get(configs::list))
        .route("/configs/create", post(configs::create))
        .route(
            "/configs/{id}",
            get(configs::inspect).delete(configs::remove),
        )
        .route("/configs/{id}/update", post(configs::update))
        .route("/containers/create", post(attaching::create))
        .route("/containers/json", get(local_names::list))
        .route("/containers/{id}/json", get(local_names::inspect))
        .route("/distribution/{*rest}", get(distribution::inspect))
        .route("/networks", get(networks::list))
        .route("/networks/create", post(networks::create))
        .route(
            "/networks/{id}",
            get(networks::inspect).delete(networks::remove),
        )
        .route("/networks/{id}/connect", post(attaching::connect))
        .route("/networks/{id}/disconnect", post(attaching::disconnect))
}

fn own() -> Router<Handle> {
    Router::new()
        .route("/cluster", get(shoal::cluster))
        .route("/tokens", get(shoal::tokens).post(shoal::create_token))
        .route("/tokens/{id}", delete(shoal::remove_token))
        .route("/plan", post(shoal::plan))
        .route("/traffic", get(shoal::traffic))
        .route("/why/{service}", get(shoal::why))
        .route("/why/{service}/{slot}", get(shoal::why_slot))
        .route("/volumes/release", post(shoal::release_volume))
}
