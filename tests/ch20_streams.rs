//! Chapter 20: many requests at once, in HTTP/2.
