mod inventory;
mod script;
mod words;
fn main() {}
