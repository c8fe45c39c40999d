mod inventory;
mod words;
fn main() {}
