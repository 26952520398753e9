module treekeeper.example

go 1.21
