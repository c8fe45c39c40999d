fn main() {
    println!("ballistics {}", env!("CARGO_PKG_VERSION"));
}
