java -jar "$TOOLCHAINS"/openapi-generator-cli-7.25.0.jar generate -g rust -i "$DOCUMENT" -o treekeeper \
  --additional-properties=packageName=treekeeper,packageVersion=0.0.0,supportMiddleware=true,useSingleRequestParameter=true
cp "$CLIENT"/{Cargo.toml,Cargo.lock,main.rs} .
export CARGO_INCREMENTAL=0 CARGO_TARGET_DIR="$TOOLCHAINS/rust-target"
cargo build --locked --quiet
cp "$CARGO_TARGET_DIR/debug/scenario" .
