# Crates, and where they are built, stay: cargo builds what is at the same path in place of what was there.
build=$TOOLCHAINS/rust-progenitor
mkdir -p "$build"
cp "$CLIENT"/{Cargo.toml,Cargo.lock,main.rs} "$build"
cp "$DOCUMENT" "$build/document.json"
export CARGO_INCREMENTAL=0 CARGO_TARGET_DIR="$TOOLCHAINS/rust-target"
cargo build --locked --quiet --manifest-path "$build/Cargo.toml"
cp "$CARGO_TARGET_DIR/debug/scenario-progenitor" scenario
