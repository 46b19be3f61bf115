//! A client that others have written.

/// One that gives every answer, also that of a request that went wrong.
pub fn agent() -> ureq::Agent {
    ureq::Agent::config_builder()
        .http_status_as_error(false)
        .build()
        .into()
}
