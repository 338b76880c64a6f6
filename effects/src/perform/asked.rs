//! Questions under way: the ingress checks an answer against what was asked.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use folkmoot_core::id::NamespaceId;
use folkmoot_core::input::RequestId;
use tokio::sync::oneshot;

use crate::ports::locked;

/// The reducer counts its questions from 0; those of people are counted from here.
const OF_PEOPLE: u64 = 1 << 63;

/// The bytes of an answer; nothing where there is none.
type Answered = oneshot::Sender<Option<Vec<u8>>>;

/// The questions under way: those of the reducer with their namespaces, those of people with the
/// way back. Clones share them.
///
/// As bounded as the requests in flight: the network ends each of them once.
#[derive(Clone, Debug, Default)]
pub struct Asked(Arc<Mutex<Table>>);

#[derive(Debug, Default)]
struct Table {
    of_reducer: BTreeMap<RequestId, NamespaceId>,
    of_people: BTreeMap<RequestId, Answered>,
    count: u64,
}

impl Asked {
    /// Notes a question before it is sent.
    pub fn note(&self, request: RequestId, namespace: NamespaceId) {
        locked(&self.0).of_reducer.insert(request, namespace);
    }

    /// Names a question of a person, whose answer the reducer does not see.
    pub fn name(&self, answered: Answered) -> RequestId {
        let mut table = locked(&self.0);
        let request = RequestId(OF_PEOPLE | table.count);
        table.count += 1;
        table.of_people.insert(request, answered);
        request
    }

    /// Ends a question of a person; gives the answer back where it is for the reducer.
    pub fn answer(&self, request: RequestId, bytes: Option<Vec<u8>>) -> Option<Vec<u8>> {
        match locked(&self.0).of_people.remove(&request) {
            Some(answered) => {
                // Fails only when whoever asked has gone.
                drop(answered.send(bytes));
                None
            }
            None => bytes,
        }
    }

    /// Takes out a question that has ended; `None` for one that was not asked.
    pub fn end(&self, request: RequestId) -> Option<NamespaceId> {
        locked(&self.0).of_reducer.remove(&request)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_question_of_a_person_is_answered_past_the_reducer_and_once() {
        let asked = Asked::default();
        let (answered, mut answer) = oneshot::channel();
        let request = asked.name(answered);
        let of_reducer = RequestId(0);
        asked.note(of_reducer, NamespaceId([1; 32]));
        assert_ne!(request, of_reducer);
        assert_eq!(asked.answer(of_reducer, Some(vec![1])), Some(vec![1]), "not for a person");
        assert_eq!(asked.answer(request, Some(vec![2])), None);
        assert_eq!(answer.try_recv(), Ok(Some(vec![2])));
        assert_eq!(asked.answer(request, Some(vec![3])), Some(vec![3]), "nobody waits any more");
        assert_eq!(asked.end(request), None, "and the reducer did not ask");
        assert_eq!(asked.end(of_reducer), Some(NamespaceId([1; 32])));
    }
}
