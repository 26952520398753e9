ln -s "$DOCUMENT" document.json
cp "$CLIENT"/{Cargo.toml,Cargo.lock,main.rs} .
export CARGO_INCREMENTAL=0 CARGO_TARGET_DIR="$TOOLCHAINS/rust-target"
cargo build --locked --quiet
cp "$CARGO_TARGET_DIR/debug/scenario" .
