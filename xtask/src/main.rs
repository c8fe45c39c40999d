mod index;
mod inventory;
mod manifest;
mod object_file;
mod plan;
mod script;
mod state;
mod words;
fn main() {}
