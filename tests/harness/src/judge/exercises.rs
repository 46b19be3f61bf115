//! What an exercise asks a server to leave out. Elsewhere more fields than expected do no
//! harm.

use super::Failure;
use crate::play::{Conversation, Played};
use crate::response::{Response, answers, shown};
use crate::transcript::Transcript;

/// The fields that change what a client does with the answer, wherever they come.
const TELLING: [&[u8]; 3] = [b"Set-Cookie", b"Trailer", b"Accept-Ranges"];

/// The status code of an answer that is about a body, and has none.
const NOT_MODIFIED: u16 = 304;

/// What was too much, in an exchange that has no other fault.
pub fn too_much(transcript: &Transcript, played: &Played) -> Option<Failure> {
    if transcript.group != "exercise" {
        return None;
    }
    let mut connections = played.connections.iter().enumerate();
    connections.find_map(|(number, conversation)| {
        let failure = unwanted_field(conversation)?;
        Some(Failure {
            connection: number,
            ..failure
        })
    })
}

fn unwanted_field(conversation: &Conversation) -> Option<Failure> {
    let read = |bytes| answers(bytes, &conversation.methods, true).ok();
    let (wanted, came) = (read(&conversation.expected)?, read(&conversation.received)?);
    let pairs = wanted.iter().zip(&came);
    pairs
        .filter_map(|(wanted, came)| Some((wanted.last.as_ref()?, came.last.as_ref()?)))
        .find_map(|(wanted, came)| unwanted_in(wanted, came))
}

fn unwanted_in(wanted: &Response, came: &Response) -> Option<Failure> {
    let is_telling = |name: &[u8]| {
        let is_of_a_body = name.eq_ignore_ascii_case(b"Content-Type");
        TELLING.iter().any(|one| one.eq_ignore_ascii_case(name))
            || is_of_a_body && came.status == NOT_MODIFIED
    };
    let field = came
        .fields
        .iter()
        .find(|field| is_telling(field.name) && wanted.values(field.name).next().is_none())?;
    let name = String::from_utf8_lossy(field.name);
    let failure = Failure::new(
        format!(
            "the field {name} came with {}, and should not be in this answer",
            shown(field.value)
        ),
        "Look in the text of the exercise which answers have this field, and which have not.",
    );
    Some(failure.at(field.value_at))
}
