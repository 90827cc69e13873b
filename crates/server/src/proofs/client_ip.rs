//! Where a request comes from: the peer, or what a trusted proxy says about it.

use std::net::{IpAddr, SocketAddr};
use std::sync::Once;

use axum::extract::{ConnectInfo, FromRequestParts};
use axum::http::HeaderMap;
use axum::http::request::Parts;
use ipnet::IpNet;

use crate::app::App;
use crate::failure::Failure;

/// The address of the client.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ClientIp(pub IpAddr);

impl ClientIp {
    /// The network that is throttled as one: an IPv4 address, or the /64 that one IPv6 customer has.
    pub fn network(self) -> [u8; 16] {
        match self.0.to_canonical() {
            IpAddr::V4(v4) => v4.to_ipv6_mapped().octets(),
            IpAddr::V6(v6) => {
                let mut octets = v6.octets();
                octets[8..].fill(0);
                octets
            }
        }
    }

    /// The right-most hop that is not one of our own proxies; what stands left of it anybody may have written.
    fn of(peer: IpAddr, headers: &HeaderMap, trusted: &[IpNet]) -> Self {
        let is_trusted = |ip: &IpAddr| trusted.iter().any(|net| net.contains(ip));
        let mut client = peer;
        if !trusted.is_empty() {
            let values = headers.get_all("x-forwarded-for").iter().rev();
            let hops = values.filter_map(|value| value.to_str().ok()).flat_map(|text| text.rsplit(','));
            for hop in hops {
                if !is_trusted(&client) {
                    break;
                }
                let Ok(ip) = hop.trim().parse::<IpAddr>() else { break };
                client = ip.to_canonical();
            }
        }
        Self(client)
    }
}

/// Proves that one of our own proxies asks, so that what it says about its client is believed.
pub struct FromProxy(());

fn peer(parts: &Parts) -> Result<IpAddr, Failure> {
    let ConnectInfo(peer) = parts
        .extensions
        .get::<ConnectInfo<SocketAddr>>()
        .ok_or_else(|| Failure::internal(&"the listener did not record the peer"))?;
    Ok(peer.ip().to_canonical())
}

impl FromRequestParts<App> for FromProxy {
    type Rejection = Failure;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Self, Failure> {
        let peer = peer(parts)?;
        if app.config.trusted_proxies.iter().any(|net| net.contains(&peer)) {
            return Ok(Self(()));
        }
        warn_of_proxy(peer);
        Err(Failure::Forbidden("Only a reverse proxy that is listed in trusted_proxies may ask this."))
    }
}

impl FromRequestParts<App> for ClientIp {
    type Rejection = Failure;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Self, Failure> {
        let (peer, trusted) = (peer(parts)?, &app.config.trusted_proxies);
        if parts.headers.contains_key("x-forwarded-for") && !trusted.iter().any(|net| net.contains(&peer)) {
            warn_of_proxy(peer);
        }
        Ok(Self::of(peer, &parts.headers, trusted))
    }
}

/// Says once that a proxy nearby seems not to be trusted: then all of its clients are throttled as one.
fn warn_of_proxy(peer: IpAddr) {
    static SAID: Once = Once::new();
    let is_near = match peer {
        IpAddr::V4(v4) => v4.is_loopback() || v4.is_private(),
        IpAddr::V6(v6) => v6.is_loopback() || v6.is_unique_local(),
    };
    if is_near {
        SAID.call_once(|| {
            tracing::warn!(%peer, "what a peer that is not trusted says of its client is not believed; a proxy belongs in trusted_proxies");
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn forwarded_addresses_count_only_from_trusted_proxies() {
        let ip = |text: &str| text.parse::<IpAddr>().unwrap();
        let trusted = ["10.0.0.0/8".parse().unwrap()];
        for (peer, forwarded, expected) in [
            ("203.0.113.9", "1.2.3.4", "203.0.113.9"),
            ("10.0.0.1", "1.2.3.4", "1.2.3.4"),
            ("10.0.0.1", "6.6.6.6, 1.2.3.4, 10.0.0.2", "1.2.3.4"),
            ("10.0.0.1", "garbage", "10.0.0.1"),
            ("10.0.0.1", "", "10.0.0.1"),
        ] {
            let headers = HeaderMap::from_iter([("x-forwarded-for".parse().unwrap(), forwarded.parse().unwrap())]);
            assert_eq!(ClientIp::of(ip(peer), &headers, &trusted).0, ip(expected), "{peer} {forwarded}");
            assert_eq!(ClientIp::of(ip(peer), &headers, &[]).0, ip(peer));
        }
    }

    #[test]
    fn one_ipv6_customer_is_one_network() {
        let network = |text: &str| ClientIp(text.parse().unwrap()).network();
        assert_eq!(network("2001:db8::1"), network("2001:db8::ffff:2"));
        assert_ne!(network("2001:db8::1"), network("2001:db8:0:1::1"));
        assert_ne!(network("192.0.2.1"), network("192.0.2.2"));
    }
}
