cp "$CLIENT"/{go.mod,go.sum,main.go} .
go run github.com/ogen-go/ogen/cmd/ogen@v1.24.0 --target treekeeper --package treekeeper "$DOCUMENT"
go build -o scenario .
