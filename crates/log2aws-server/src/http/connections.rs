//! Counts connections per client, and decides which get a place and which lose it.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use log2aws_service::http::network_of;
use tokio::sync::Notify;

use super::activity::{Activity, now_ms};

/// The places for connections.
///
/// One client address may use all of them while nobody else needs one, because a whole fleet may be
/// behind one NAT address. From three quarters full on, each new connection closes the idlest
/// connection of an address that has more than its share. So an address cannot lock out others, and
/// idle connections cannot lock out busy ones of their own address.
///
/// A trusted proxy's connections carry requests of many clients: each of them counts for the client
/// of its latest request, and for nobody before its first.
#[derive(Debug)]
pub(crate) struct Connections {
    limit: usize,
    state: Mutex<State>,
    /// Signalled when a place becomes free.
    freed: Notify,
}

#[derive(Debug, Default)]
struct State {
    next_id: u64,
    open: HashMap<u64, Entry>,
    /// When [`Connections::is_first_shortage`] last returned true, by [`now_ms`].
    last_shortage: Option<u64>,
}

#[derive(Debug)]
struct Entry {
    /// The client; `None`: a proxy's connection before its first request.
    client: Option<IpAddr>,
    activity: Arc<Activity>,
    evicted: Arc<Notify>,
}

/// A connection's place; free again when it is dropped.
#[derive(Debug)]
pub(crate) struct Place {
    handle: ConnectionHandle,
    pub(crate) activity: Arc<Activity>,
    evicted: Arc<Notify>,
}

/// Identifies a connection, so that its client can be set later. An extension of each request.
#[derive(Clone, Debug)]
pub(crate) struct ConnectionHandle {
    connections: Arc<Connections>,
    id: u64,
}

/// The result of requesting a place.
#[derive(Debug)]
pub(crate) enum Admission {
    /// A free place.
    Free(Place),
    /// The place of another connection, which is closed.
    Evicted(Place),
    /// All are taken, and the server is working on every one.
    Full,
}

impl Connections {
    /// Room for `limit` connections.
    pub(crate) fn new(limit: usize) -> Arc<Self> {
        Arc::new(Self { limit: limit.max(1), state: Mutex::default(), freed: Notify::new() })
    }

    /// How many there are.
    pub(crate) fn len(&self) -> usize {
        self.state().open.len()
    }

    /// Resolves when a place has become free since the last call.
    pub(crate) async fn freed(&self) {
        self.freed.notified().await;
    }

    /// Gives a connection of `client` a place; `None` is a proxy's.
    pub(crate) fn admit(self: &Arc<Self>, client: Option<IpAddr>) -> Admission {
        let client = client.map(network_of);
        let mut state = self.state();
        let count = state.open.len();
        let victim = if count >= self.limit - self.limit / 4 {
            state.victim(client, self.limit, count >= self.limit)
        } else {
            None
        };
        if victim.is_none() && count >= self.limit {
            return Admission::Full;
        }
        let evicts = victim.is_some();
        if let Some(entry) = victim.and_then(|id| state.open.remove(&id)) {
            entry.evicted.notify_one();
        }
        let (activity, evicted) = (Arc::new(Activity::new()), Arc::new(Notify::new()));
        let id = state.next_id;
        state.next_id += 1;
        let entry = Entry { client, activity: activity.clone(), evicted: evicted.clone() };
        state.open.insert(id, entry);
        drop(state);
        let handle = ConnectionHandle { connections: self.clone(), id };
        let place = Place { handle, activity, evicted };
        if evicts { Admission::Evicted(place) } else { Admission::Free(place) }
    }

    /// Whether a shortage of places is the first within a minute, and so should be logged.
    pub(crate) fn is_first_shortage(&self) -> bool {
        let (mut state, now) = (self.state(), now_ms());
        let first = state.last_shortage.is_none_or(|last| now.saturating_sub(last) >= 60_000);
        if first {
            state.last_shortage = Some(now);
        }
        first
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    /// The connection that loses its place to one of `newcomer`: the idlest of those whose client
    /// has more than its share, or else, if all places are taken, the idlest of all.
    fn victim(&self, newcomer: Option<IpAddr>, limit: usize, full: bool) -> Option<u64> {
        let mut counts: HashMap<IpAddr, usize> = HashMap::new();
        for client in self.open.values().filter_map(|entry| entry.client).chain(newcomer) {
            *counts.entry(client).or_default() += 1;
        }
        let share = (limit / counts.len().max(1)).max(1);
        let has_more = |entry: &Entry| entry.client.is_some_and(|client| counts[&client] > share);
        self.idlest(has_more).or_else(|| if full { self.idlest(|_| true) } else { None })
    }

    fn idlest(&self, of: impl Fn(&Entry) -> bool) -> Option<u64> {
        let now = now_ms();
        let idle = self.open.iter().filter(|(_, entry)| of(entry)).filter_map(|(id, entry)| {
            let idle = entry.activity.idle_ms(now)?;
            Some((idle, std::cmp::Reverse(*id)))
        });
        idle.max().map(|(_, std::cmp::Reverse(id))| id)
    }
}

impl Place {
    /// Resolves when the place was given to another connection.
    pub(crate) async fn evicted(&self) {
        self.evicted.notified().await;
    }

    /// A handle of the connection.
    pub(crate) fn handle(&self) -> ConnectionHandle {
        self.handle.clone()
    }
}

impl ConnectionHandle {
    /// The connection's latest request came from `client`, through a trusted proxy.
    pub(crate) fn attribute(&self, client: IpAddr) {
        if let Some(entry) = self.connections.state().open.get_mut(&self.id) {
            entry.client = Some(network_of(client));
        }
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let connections = &self.handle.connections;
        connections.state().open.remove(&self.handle.id);
        connections.freed.notify_one();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn admit(connections: &Arc<Connections>, last: u8) -> Admission {
        connections.admit(Some(IpAddr::from([203, 0, 113, last])))
    }

    fn place(admission: Admission) -> Place {
        match admission {
            Admission::Free(place) | Admission::Evicted(place) => place,
            Admission::Full => panic!("no place"),
        }
    }

    fn holds(connections: &Connections, place: &Place) -> bool {
        connections.state().open.contains_key(&place.handle.id)
    }

    #[test]
    fn one_address_may_hold_all_places_while_nobody_else_wants_one() {
        let connections = Connections::new(8);
        let all: Vec<Place> = (0..8).map(|_| place(admit(&connections, 1))).collect();
        assert!(all.iter().all(|place| holds(&connections, place)));
    }

    #[test]
    fn an_address_with_more_than_its_share_loses_its_idlest() {
        let connections = Connections::new(8);
        let greedy: Vec<Place> = (0..7).map(|_| place(admit(&connections, 1))).collect();
        let modest = place(admit(&connections, 2));
        assert_eq!(connections.len(), 7, "the newcomer had the place of another");
        assert!(!holds(&connections, &greedy[0]), "the first has waited longest");
        assert!(greedy[1..].iter().all(|place| holds(&connections, place)));
        assert!(holds(&connections, &modest));
    }

    #[test]
    fn a_connection_that_the_server_works_for_is_not_closed() {
        let connections = Connections::new(4);
        let busy: Vec<Place> = (0..4).map(|_| place(admit(&connections, 1))).collect();
        for place in &busy {
            place.activity.begin_request();
        }
        assert!(matches!(admit(&connections, 1), Admission::Full));
        assert!(matches!(admit(&connections, 2), Admission::Full));
        busy[2].activity.wait_for_peer();
        let next = place(admit(&connections, 2));
        assert!(!holds(&connections, &busy[2]) && holds(&connections, &next));
    }

    #[test]
    fn when_all_are_taken_idle_ones_make_room_whoever_they_belong_to() {
        let connections = Connections::new(4);
        let all: Vec<Place> = (1..=4).map(|n| place(admit(&connections, n))).collect();
        let fifth = place(admit(&connections, 5));
        assert!(!holds(&connections, &all[0]) && holds(&connections, &fifth));
    }

    #[test]
    fn a_proxys_connections_count_for_the_clients_behind_it() {
        let connections = Connections::new(8);
        let proxy: Vec<Place> = (0..7).map(|_| place(connections.admit(None))).collect();
        // Without a client yet: they do not count for the proxy while there is room.
        let direct = place(admit(&connections, 2));
        assert_eq!(connections.len(), 8);
        let one: IpAddr = "198.51.100.7".parse().unwrap();
        for place in &proxy {
            place.handle().attribute(one);
        }
        let next = place(admit(&connections, 2));
        assert!(!holds(&connections, &proxy[0]));
        assert!(holds(&connections, &direct) && holds(&connections, &next));
    }

    #[test]
    fn a_v6_network_is_one_address() {
        let connections = Connections::new(8);
        let of = |address: &str| place(connections.admit(Some(address.parse().unwrap())));
        let one: Vec<Place> = (1..=6).map(|n| of(&format!("2001:db8::{n}"))).collect();
        let other = of("2001:db8:0:1::1");
        assert!(!holds(&connections, &one[0]) && holds(&connections, &other));
    }

    #[test]
    fn a_shortage_is_logged_once_a_minute() {
        let connections = Connections::new(8);
        assert!(connections.is_first_shortage());
        assert!(!connections.is_first_shortage());
    }

    #[tokio::test]
    async fn a_place_that_is_dropped_is_free_again() {
        let connections = Connections::new(1);
        let only = place(admit(&connections, 1));
        only.activity.begin_request();
        assert!(matches!(admit(&connections, 1), Admission::Full));
        drop(only);
        connections.freed().await;
        assert!(matches!(admit(&connections, 1), Admission::Free(_)));
    }
}
