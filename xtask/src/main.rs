mod index;
mod inventory;
mod manifest;
mod plan;
mod script;
mod state;
mod words;
fn main() {}
