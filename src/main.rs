//! Arguments -> app.

fn main() {}
