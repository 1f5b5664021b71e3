//! The frames of a view as a tree.

use backpass::view::View;

/// What stands directly in a frame.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Item {
    /// A node of the view, an index.
    Node(usize),
    /// A frame of the view, an index.
    Group(usize),
}

/// A step of a walk through the tree.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Visit {
    /// A frame opens.
    Open(usize),
    /// A node.
    Node(usize),
    /// The innermost open frame closes.
    Close,
}

/// Nodes and frames in the order in which they are to be written: nodes as in the view, each frame in one piece, where
/// its first node stands. Frames without nodes are left out.
pub(crate) fn walk(view: &View) -> Vec<Visit> {
    let mut outermost = Vec::new();
    let mut inside: Vec<Vec<Item>> = vec![Vec::new(); view.groups.len()];
    for (index, node) in view.nodes.iter().enumerate() {
        let (mut item, mut around) = (Item::Node(index), node.group);
        loop {
            let siblings = around.map_or(&mut outermost, |group| &mut inside[group]);
            let new = siblings.is_empty();
            siblings.push(item);
            // A frame that already has something in it stands in its own frame already.
            match around {
                Some(group) if new => (item, around) = (Item::Group(group), view.groups[group].parent),
                _ => break,
            }
        }
    }
    let mut visits = Vec::new();
    let mut open = vec![outermost.into_iter()];
    while let Some(items) = open.last_mut() {
        match items.next() {
            Some(Item::Node(node)) => visits.push(Visit::Node(node)),
            Some(Item::Group(group)) => {
                visits.push(Visit::Open(group));
                open.push(std::mem::take(&mut inside[group]).into_iter());
            }
            None => {
                open.pop();
                if !open.is_empty() {
                    visits.push(Visit::Close);
                }
            }
        }
    }
    visits
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::samples::node;
    use backpass::graph::ScopeKind;
    use backpass::view::{Group, Role, ViewNode};

    #[test]
    fn frames_are_in_one_piece_and_within_their_parents() {
        let mut view = View::default();
        let group = |parent| Group { id: String::new(), label: String::new(), kind: ScopeKind::Layer, parent };
        view.groups = vec![group(None), group(Some(0)), group(None)];
        view.nodes = [None, Some(1), None, Some(0), Some(1)]
            .map(|group| ViewNode { group, ..node("n", "n", Role::Input) })
            .into();
        use Visit::{Close, Node, Open};
        let expected = [Node(0), Open(0), Open(1), Node(1), Node(4), Close, Node(3), Close, Node(2)];
        assert_eq!(walk(&view), expected);
    }
}
