python=$TOOLCHAINS/python-openapi-generator/bin/python
java -jar "$TOOLCHAINS"/openapi-generator-cli-7.25.0.jar generate -g python -i "$DOCUMENT" -o . --package-name treekeeper_client
cp "$CLIENT/scenario.py" .
printf '#!/bin/sh\nexec "%s" scenario.py\n' "$python" >scenario
chmod +x scenario
