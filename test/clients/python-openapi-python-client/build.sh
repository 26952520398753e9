python=$TOOLCHAINS/python-openapi-python-client/bin
PATH=$python:$PATH openapi-python-client generate --path "$DOCUMENT" --output-path treekeeper_client --meta none
cp "$CLIENT/scenario.py" .
printf '#!/bin/sh\nexec "%s/python" scenario.py\n' "$python" >scenario
chmod +x scenario
