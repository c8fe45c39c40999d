mod dist;
mod history;
mod host;
mod index;
mod inventory;
mod manifest;
mod object_file;
mod plan;
mod probe;
mod process;
mod script;
mod sign;
mod source;
mod state;
mod ui;
mod words;
fn main() {}
