//! The static table: the fields that are frequent, known to both ends before they have
//! exchanged a byte (RFC 7541, Appendix A).

/// The names and values of the static table. The first has the index 1.
pub const STATIC_TABLE: [(&str, &str); 61] = [
    (":authority", ""),
    (":method", "GET"),
    (":method", "POST"),
    (":path", "/"),
    (":path", "/index.html"),
    (":scheme", "http"),
    (":scheme", "https"),
    (":status", "200"),
    (":status", "204"),
    (":status", "206"),
    (":status", "304"),
    (":status", "400"),
    (":status", "404"),
    (":status", "500"),
    ("accept-charset", ""),
    ("accept-encoding", "gzip, deflate"),
    ("accept-language", ""),
    ("accept-ranges", ""),
    ("accept", ""),
    ("access-control-allow-origin", ""),
    ("age", ""),
    ("allow", ""),
    ("authorization", ""),
    ("cache-control", ""),
    ("content-disposition", ""),
    ("content-encoding", ""),
    ("content-language", ""),
    ("content-length", ""),
    ("content-location", ""),
    ("content-range", ""),
    ("content-type", ""),
    ("cookie", ""),
    ("date", ""),
    ("etag", ""),
    ("expect", ""),
    ("expires", ""),
    ("from", ""),
    ("host", ""),
    ("if-match", ""),
    ("if-modified-since", ""),
    ("if-none-match", ""),
    ("if-range", ""),
    ("if-unmodified-since", ""),
    ("last-modified", ""),
    ("link", ""),
    ("location", ""),
    ("max-forwards", ""),
    ("proxy-authenticate", ""),
    ("proxy-authorization", ""),
    ("range", ""),
    ("referer", ""),
    ("refresh", ""),
    ("retry-after", ""),
    ("server", ""),
    ("set-cookie", ""),
    ("strict-transport-security", ""),
    ("transfer-encoding", ""),
    ("user-agent", ""),
    ("vary", ""),
    ("via", ""),
    ("www-authenticate", ""),
];

/// How many places the table of names has: a power of two, and some more than twice as many
/// as there are names.
const PLACES: usize = 128;

/// The index of the first field of each name, at the place that [`place`] gives for the name,
/// or at the next one that was free. 0 where there is none.
static FIRST_OF_NAME: [u8; PLACES] = first_of_name();

const fn first_of_name() -> [u8; PLACES] {
    let mut places = [0; PLACES];
    let mut index = 1;
    while index <= STATIC_TABLE.len() {
        let name = STATIC_TABLE[index - 1].0.as_bytes();
        let mut at = place(name);
        loop {
            if places[at] == 0 {
                places[at] = index as u8;
                break;
            }
            let taken = STATIC_TABLE[places[at] as usize - 1].0.as_bytes();
            if is_same(taken, name) {
                break;
            }
            at = (at + 1) % PLACES;
        }
        index += 1;
    }
    places
}

/// Where the search for a name begins: the length, the first and the last byte tell most
/// names apart.
const fn place(name: &[u8]) -> usize {
    match name {
        [] => 0,
        [first, ..] => {
            let last = name[name.len() - 1] as usize;
            (name.len() * 7 + *first as usize * 31 + last * 5) % PLACES
        }
    }
}

/// `==` for slices, which a constant cannot call.
const fn is_same(one: &[u8], other: &[u8]) -> bool {
    let mut at = 0;
    while at < one.len() && at < other.len() && one[at] == other[at] {
        at += 1;
    }
    at == one.len() && at == other.len()
}

/// What a search in a table has found: the index of a field with this name, and whether its
/// value is the same too.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Found {
    /// From 1 on, as RFC 7541 §2.3.3 counts.
    pub index: usize,
    /// Whether the value is the same too.
    pub has_value: bool,
}

/// Searches the static table. If no field has both, the first with the name is found.
///
/// ```
/// let found = common::static_table::find_static(b":status", b"404").unwrap();
/// assert_eq!((found.index, found.has_value), (13, true));
/// ```
pub fn find_static(name: &[u8], value: &[u8]) -> Option<Found> {
    let mut at = place(name);
    let first = loop {
        match usize::from(FIRST_OF_NAME[at]) {
            0 => return None,
            index if STATIC_TABLE[index - 1].0.as_bytes() == name => break index,
            _ => at = (at + 1) % PLACES,
        }
    };
    let of_name = STATIC_TABLE[first - 1..]
        .iter()
        .take_while(|field| field.0.as_bytes() == name);
    let same = of_name
        .map(|field| field.1)
        .position(|its| its.as_bytes() == value);
    Some(Found {
        index: first + same.unwrap_or(0),
        has_value: same.is_some(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_field_is_found_at_its_index() {
        for (at, (name, value)) in STATIC_TABLE.iter().enumerate() {
            let found = find_static(name.as_bytes(), value.as_bytes()).unwrap();
            assert_eq!((found.index, found.has_value), (at + 1, true), "{name}");
            let other = find_static(name.as_bytes(), b"another value").unwrap();
            assert_eq!(STATIC_TABLE[other.index - 1].0, *name);
            assert!(!other.has_value && other.index <= at + 1);
        }
        for name in ["", ":", "x", "Accept", "content", "www-authenticat"] {
            assert_eq!(find_static(name.as_bytes(), b""), None, "{name}");
        }
    }
}
