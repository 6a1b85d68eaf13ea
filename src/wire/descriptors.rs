//! Room for many sockets, made before the first is opened.

/// Makes room for so many open sockets at once, as far as the system lets us: raises this process' own limit of
/// descriptors, and has the table of them grow now.
///
/// Linux lets it grow by doubling, and every thread that opens a socket meanwhile waits for a grace period of the kernel
/// (`synchronize_rcu`, some ten milliseconds): in the midst of a run that would stand in its latencies.
pub fn make_room(sockets: usize) {
    #[cfg(unix)]
    {
        use rustix::process::{Resource, getrlimit, setrlimit};
        let wanted = sockets as u64 + OTHERS;
        let mut limit = getrlimit(Resource::Nofile);
        if let Some(soft) = limit.current
            && soft < wanted
        {
            limit.current = Some(limit.maximum.map_or(wanted, |hard| wanted.min(hard)));
            // Where that is refused, the sockets that it lets us have must do.
            let _ = setrlimit(Resource::Nofile, limit);
        }
        let most = getrlimit(Resource::Nofile).current.unwrap_or(wanted);
        let last = i32::try_from(wanted.min(most).saturating_sub(1)).unwrap_or(i32::MAX);
        // Closed at once; the table keeps its size.
        if let Ok(any) = std::fs::File::open("/dev/null") {
            let _ = rustix::io::fcntl_dupfd_cloexec(&any, last);
        }
    }
    #[cfg(not(unix))]
    let _ = sockets;
}

/// Descriptors that are no sockets of the run: files, the runtime's own, connections that are about to be closed.
#[cfg(unix)]
const OTHERS: u64 = 256;

#[cfg(all(test, unix))]
mod tests {
    use super::*;
    use rustix::process::{Resource, getrlimit};

    #[test]
    fn the_limit_never_sinks() {
        let before = getrlimit(Resource::Nofile);
        make_room(1);
        make_room(before.current.unwrap_or(1 << 20) as usize + 1);
        let after = getrlimit(Resource::Nofile);
        assert!(after.current.unwrap_or(u64::MAX) >= before.current.unwrap_or(0));
        assert_eq!(after.maximum, before.maximum);
    }
}
