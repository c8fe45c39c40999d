mod index;
mod inventory;
mod manifest;
mod object_file;
mod plan;
mod process;
mod script;
mod sign;
mod state;
mod ui;
mod words;
fn main() {}
