cp "$CLIENT"/{go.mod,go.sum,main.go} .
mkdir treekeeper
go run github.com/oapi-codegen/oapi-codegen/v2/cmd/oapi-codegen@v2.8.2 \
  -generate types,client,skip-prune -package treekeeper -o treekeeper/client.gen.go "$DOCUMENT"
go build -o scenario .
