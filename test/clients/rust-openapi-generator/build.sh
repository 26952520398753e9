# Crates, and where they are built, stay: cargo builds what is at the same path in place of what was there.
build=$TOOLCHAINS/rust-openapi-generator
rm -rf "$build"
java -jar "$TOOLCHAINS"/openapi-generator-cli-7.25.0.jar generate -g rust -i "$DOCUMENT" -o "$build/treekeeper" \
  --additional-properties=packageName=treekeeper,packageVersion=0.0.0,supportMiddleware=true,useSingleRequestParameter=true
cp "$CLIENT"/{Cargo.toml,Cargo.lock,main.rs} "$build"
export CARGO_INCREMENTAL=0 CARGO_TARGET_DIR="$TOOLCHAINS/rust-target"
cargo build --locked --quiet --manifest-path "$build/Cargo.toml"
cp "$CARGO_TARGET_DIR/debug/scenario-openapi-generator" scenario
