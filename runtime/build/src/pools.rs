//! What containers take of the machine: cpu and memory beside slots.
//!
//! Of containers that wait the oldest is next: a small one does not pass a big one that does not fit yet, so no big one
//! starves. Tasks that are no containers pass both.

use wrun_core::plan::ContainerSpec;
use wrun_exec::Capacity;

/// What is free.
#[derive(Debug)]
pub(crate) struct Pools {
    cpu: u64,
    memory: u64,
}

/// What one container takes.
#[derive(Copy, Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Share {
    cpu: u64,
    memory: u64,
}

impl Share {
    pub(crate) fn of(spec: &ContainerSpec) -> Self {
        // One that does not say is bounded by the slots alone.
        Self { cpu: spec.cpu_millis.unwrap_or(0), memory: spec.memory.unwrap_or(0) }
    }

    /// Says of what a container wants more than there is: what, how much, how much there is.
    pub(crate) fn more_than(self, all: Capacity) -> Option<String> {
        let cores = |millis: u64| {
            format!("{}.{:03}", millis / 1000, millis % 1000)
                .trim_end_matches('0')
                .trim_end_matches('.')
                .to_owned()
        };
        if self.cpu > all.cpu_millis {
            return Some(format!("{} cpus, and this machine has {}", cores(self.cpu), cores(all.cpu_millis)));
        }
        let mib = |bytes: u64| bytes.div_ceil(1 << 20);
        (self.memory > all.memory)
            .then(|| format!("{} MiB of memory, and this machine has {} MiB", mib(self.memory), mib(all.memory)))
    }
}

impl Pools {
    pub(crate) fn new(all: Option<Capacity>) -> Self {
        all.map_or(Self { cpu: u64::MAX, memory: u64::MAX }, |all| Self {
            cpu: all.cpu_millis,
            memory: all.memory,
        })
    }

    /// Takes a share, if that much is free.
    pub(crate) fn take(&mut self, share: Share) -> bool {
        let fits = share.cpu <= self.cpu && share.memory <= self.memory;
        if fits {
            self.cpu -= share.cpu;
            self.memory -= share.memory;
        }
        fits
    }

    pub(crate) fn give(&mut self, share: Share) {
        self.cpu = self.cpu.saturating_add(share.cpu);
        self.memory = self.memory.saturating_add(share.memory);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_given_back_can_be_taken_again_and_nothing_more() {
        let all = Capacity { cpu_millis: 2000, memory: 1 << 30 };
        let mut pools = Pools::new(Some(all));
        let one = Share { cpu: 1500, memory: 1 << 20 };
        assert!(pools.take(one));
        assert!(!pools.take(one));
        assert!(pools.take(Share { cpu: 500, memory: 0 }));
        pools.give(one);
        assert!(pools.take(one));
        assert!(!pools.take(Share { cpu: 0, memory: 1 << 30 }));
    }

    #[test]
    fn what_no_machine_has_is_said() {
        let all = Capacity { cpu_millis: 2000, memory: 1 << 30 };
        let more = |cpu, memory| Share { cpu, memory }.more_than(all);
        assert_eq!(more(2000, 1 << 30), None);
        assert_eq!(more(2500, 0).as_deref(), Some("2.5 cpus, and this machine has 2"));
        assert_eq!(more(1, (1 << 30) + 1).as_deref(), Some("1025 MiB of memory, and this machine has 1024 MiB"));
    }
}
