//! Cycles among tasks that wait for each other, as paths.

use crate::engine::Engine;
use crate::graph::{Dependency, NodeId, Phase};
use petgraph::graph::{DiGraph, NodeIndex};
use std::collections::{HashMap, HashSet, VecDeque};

/// Returns one task of each cycle among the nodes that have not ended, with the cycle's path.
///
/// Every cycle lies within a strongly connected component (Tarjan, through petgraph); the shortest one
/// through the component's first task is what is shown.
pub(crate) fn find(engine: &Engine) -> Vec<(NodeId, String)> {
    let mut graph = DiGraph::<NodeId, ()>::new();
    let mut index: HashMap<NodeId, NodeIndex> = HashMap::new();
    for (id, node) in engine.nodes.iter().enumerate() {
        if node.end().is_none()
            && let Ok(id) = u32::try_from(id)
        {
            index.insert(id, graph.add_node(id));
        }
    }
    for (id, from) in &index {
        for to in waits_for(engine, *id) {
            if let Some(to) = index.get(&to) {
                graph.add_edge(*from, *to, ());
            }
        }
    }
    let mut found = Vec::new();
    for component in petgraph::algo::tarjan_scc(&graph) {
        let Some(first) = component.iter().copied().min_by_key(|node| graph[*node]) else { continue };
        if component.len() == 1 && graph.find_edge(first, first).is_none() {
            continue;
        }
        let path: Vec<String> = shortest(&graph, first, &component.into_iter().collect())
            .into_iter()
            .map(|node| engine.shared.resolver.display(&engine.nodes[graph[node] as usize].call))
            .collect();
        found.push((graph[first], path.join(" → ")));
    }
    found
}

fn waits_for(engine: &Engine, id: NodeId) -> Vec<NodeId> {
    let node = &engine.nodes[id as usize];
    match (&node.phase, &node.trace) {
        (Phase::Inputs | Phase::Suspended, Some(trace)) => trace.nodes.clone(),
        (Phase::Inputs, None) => {
            let tasks = node.dependencies.iter().filter_map(|dependency| match dependency {
                Dependency::Task(other) => Some(*other),
                _ => None,
            });
            tasks.collect()
        }
        _ => Vec::new(),
    }
}

fn shortest(graph: &DiGraph<NodeId, ()>, first: NodeIndex, within: &HashSet<NodeIndex>) -> Vec<NodeIndex> {
    let mut before: HashMap<NodeIndex, NodeIndex> = HashMap::new();
    let mut queue = VecDeque::from([first]);
    while let Some(at) = queue.pop_front() {
        for next in graph.neighbors(at).filter(|next| within.contains(next)) {
            if next == first {
                let mut path = vec![first, at];
                let mut at = at;
                while at != first {
                    at = before[&at];
                    path.push(at);
                }
                path.reverse();
                return path;
            }
            if let std::collections::hash_map::Entry::Vacant(entry) = before.entry(next) {
                entry.insert(at);
                queue.push_back(next);
            }
        }
    }
    vec![first]
}
